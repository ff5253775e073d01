"""The registry's app; when loaded it declares the city's clocks to the lifecycle mechanism."""

from datetime import date

from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "citywatch.city.registry"
    label = "registry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from citywatch.city.registry import reference  # noqa: PLC0415 - apps must be loaded first
        from citywatch.mechanisms.labels import Label  # noqa: PLC0415
        from citywatch.mechanisms.lifecycle import ClockRule  # noqa: PLC0415
        from citywatch.mechanisms.lifecycle.services import declare_clocks  # noqa: PLC0415

        declare_clocks(
            ClockRule(c.code, c.limit, Label(c.name_zh, c.name_en), c.source, c.valid_from)
            for c in reference.clocks(_RULES_OF)
        )


_RULES_OF = date(2020, 6, 11)
"""The rule set shipped as default is the seeds' (prevention plan v7, 2020); see domain notes on dated rules."""
