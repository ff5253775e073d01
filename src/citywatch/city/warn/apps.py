from django.apps import AppConfig


class WarnConfig(AppConfig):
    name = "citywatch.city.warn"
    label = "warn"
    default_auto_field = "django.db.models.BigAutoField"
