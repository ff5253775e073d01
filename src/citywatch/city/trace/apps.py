"""Trace's app; when loaded it declares the clock of a hand-over."""

from django.apps import AppConfig


class TraceConfig(AppConfig):
    name = "citywatch.city.trace"
    label = "trace"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from citywatch.city.trace.rules import CLOCKS  # noqa: PLC0415 - apps must be loaded first
        from citywatch.mechanisms.lifecycle.services import declare_clocks  # noqa: PLC0415

        declare_clocks(CLOCKS)
