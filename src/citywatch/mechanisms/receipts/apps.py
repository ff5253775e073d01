from django.apps import AppConfig


class ReceiptsConfig(AppConfig):
    name = "citywatch.mechanisms.receipts"
    label = "receipts"
    default_auto_field = "django.db.models.BigAutoField"
