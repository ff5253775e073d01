"""Template words of warning."""

from django import template

from citywatch.city.warn.wording import deed_words
from citywatch.mechanisms.labels import Label

register = template.Library()


@register.filter
def deed(kind: str) -> Label:
    """What a journal entry of warning says was done."""
    return deed_words(kind)
