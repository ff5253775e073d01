"""Template words of warning."""

from collections.abc import Iterable

from django import template
from django.utils.translation import gettext

from citywatch.city.warn.wording import deed_words, detector_words
from citywatch.mechanisms.labels import Label

register = template.Library()


@register.filter
def deed(kind: str) -> Label:
    """What a journal entry of warning says was done."""
    return deed_words(kind)


@register.filter
def detector_names(detectors: Iterable[str]) -> str:
    """The detectors that raised a signal, by the names the table of detectors gives them."""
    return gettext("; ").join(str(detector_words(name)) for name in detectors)


@register.filter
def chance(p: float) -> str:
    """A chance as people read it: a percentage, and one in so many where that is small.

    >>> chance(0.034), chance(0.0004), chance(1e-9)
    ('3.4%', '1/2500', '< 1/1000000')
    """
    if p >= 0.01:
        return f"{p:.1%}"
    return f"1/{float(f'{1 / p:.2g}'):.0f}" if p > 1e-6 else "< 1/1000000"


@register.filter
def setting_value(value: object) -> str:
    """A setting's value as a person writes it; nothing set is a dash.

    >>> [setting_value(one) for one in (0.001, 7, None, [5, 4], "nbPlugin")]
    ['0.001', '7', '–', '5, 4', 'nbPlugin']
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(setting_value(one) for one in value)
    return str(value)


@register.filter
def changed_settings(settings: Iterable[tuple[Label, object, bool]]) -> list[tuple[Label, object, bool]]:
    """The settings that differ from the published ones."""
    return [one for one in settings if one[2]]
