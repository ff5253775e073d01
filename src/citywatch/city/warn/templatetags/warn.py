"""Template words of warning."""

from collections.abc import Iterable

from django import template
from django.utils.translation import gettext

from citywatch.city.warn.wording import deed_words
from citywatch.mechanisms.labels import Label

register = template.Library()


@register.filter
def deed(kind: str) -> Label:
    """What a journal entry of warning says was done."""
    return deed_words(kind)


@register.filter
def detector_names(detectors: Iterable[str]) -> str:
    """The detectors that raised a signal: EARS methods by their own names, the single-case rule in words."""
    return ", ".join(gettext("single case") if name == "single-case" else name for name in detectors)
