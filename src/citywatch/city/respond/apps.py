"""Respond's app; when loaded it declares the clocks of an order."""

from django.apps import AppConfig


class RespondConfig(AppConfig):
    name = "citywatch.city.respond"
    label = "respond"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from citywatch.city.respond.rules import CLOCKS  # noqa: PLC0415 - apps must be loaded first
        from citywatch.mechanisms.lifecycle.services import declare_clocks  # noqa: PLC0415

        declare_clocks(CLOCKS)
