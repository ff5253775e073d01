"""Template words of the house, available in every template."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django import template
from django.template import Context
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, gettext_lazy

from citywatch.city.registry import reference
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import services as lifecycle
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.lifecycle.types import Transition
from citywatch.server.navigation import Item

register = template.Library()

LEVELS = {
    "red": gettext_lazy("Red"),
    "orange": gettext_lazy("Orange"),
    "yellow": gettext_lazy("Yellow"),
    "blue": gettext_lazy("Blue"),
}
_LONG = 48 * 60  # minutes; a longer span is told in days (citywatch.js says the same)
_SOON = 0.75  # a clock turns orange when a quarter of its limit is left


@dataclass(frozen=True, slots=True)
class Link:
    """A navigation entry with its address, and whether the page shown lies under it."""

    href: str
    label: Label
    icon: str
    current: bool


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What a clock's face shows at one moment; `share` runs from 0 to 100."""

    name: Label
    left: str
    share: float
    running: bool
    late: bool
    soon: bool


@register.filter
def may(viewer: Viewer, ability: str) -> bool:
    """Whether the viewer holds an ability anywhere (for showing or hiding a link; services ask again)."""
    return viewer.may_anywhere(ability)


@register.filter
def ability(code: str) -> str:
    """What an ability is called; its code where it has no words."""
    return str(_abilities().get(code, code))


@cache
def _abilities() -> dict[str, Label]:
    return {one.code: Label(one.name_zh, one.name_en) for one in reference.abilities()}


@register.filter
def city_time(instant: datetime | None) -> str:
    """An instant on the city's clock: 06-11 01:00."""
    return instant.astimezone(clock.SHANGHAI).strftime("%m-%d %H:%M") if instant else ""


@register.filter
def percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


@register.filter
def get(mapping: dict[str, object], key: str) -> object:
    return mapping.get(key, "")


@register.filter
def level_word(level: object) -> str:
    """The word of an alert level (red, orange, yellow, blue); any other text stays as it is."""
    return str(LEVELS.get(str(level), level))


@register.filter
def chosen(value: object, code: str) -> bool:
    """Whether a code is among the answers of a choice: `fever`, `fever;rash` or a list."""
    given = value.split(";") if isinstance(value, str) else value or ()
    return code in given if isinstance(given, Iterable) else False


@register.filter
def local_moment(value: object) -> str:
    """A moment as `<input type="datetime-local">` wants it: 2020-06-11T08:30 on the city's clock."""
    if isinstance(value, datetime):
        return value.astimezone(clock.SHANGHAI).strftime("%Y-%m-%dT%H:%M")
    return str(value or "").replace(" ", "T")[:16]


@register.filter
def primary_first(moves: Iterable[Transition]) -> list[Transition]:
    """The moves with the one a tired person should find first in front."""
    return sorted(moves, key=lambda move: not move.primary)


@register.filter
def as_options(places: Iterable[Any] | None) -> Iterator[tuple[str, str]]:
    """Code and name of every place, for a select: from pairs, or from anything with `code` and `name`."""
    for place in places or ():
        if isinstance(place, tuple | list):
            yield str(place[0]), str(place[1])
        else:
            yield place.code, str(getattr(place, "name", place))


@register.simple_tag(takes_context=True)
def nav_links(context: Context) -> list[Link]:
    """The viewer's navigation; the entry with the longest matching address is the current one."""
    path = context["request"].path if "request" in context else ""
    found = [(item, href) for item in context.get("navigation") or () if (href := _address(item))]
    under = [href for _, href in found if path.startswith(href)]
    current = max(under, key=len, default=None)
    return [Link(href, item.label, item.icon, href == current) for item, href in found]


def _address(item: Item) -> str:
    try:
        return reverse(item.url)
    except NoReverseMatch:
        return ""  # an installation may leave an area out


@register.simple_tag(takes_context=True)
def read_clock(context: Context, face: Clock) -> ClockReading:
    """A lifecycle clock as it stands at the page's city time."""
    at = face.stopped_at or context.get("city_now") or clock.now()
    late, share = face.is_late(at), face.share(at)
    span = abs(face.due_at - at) if face.running else at - face.started_at
    return ClockReading(
        name=clock_name(face.code),
        left=hours(span),
        share=round(100 * min(max(share, 0.0), 1.0), 1),
        running=face.running,
        late=late,
        soon=face.running and not late and share >= _SOON,
    )


@register.filter
def clock_name(code: str) -> Label:
    """The name of a limit by its code; a code no rule knows names itself."""
    try:
        return lifecycle.clock_rule(code).label
    except Refusal:
        return Label(code, code)


@register.filter
def hours(span: timedelta) -> str:
    """A span as hours and minutes, and from two days on as days and hours: nobody reads 571:15 at three in the morning.

    >>> hours(timedelta(hours=26, minutes=5))
    '26:05'
    """
    minutes = int(span.total_seconds() // 60)
    if minutes >= _LONG:
        days, rest = divmod(minutes // 60, 24)
        return gettext("%(days)d d %(hours)d h") % {"days": days, "hours": rest}
    return f"{minutes // 60}:{minutes % 60:02d}"


@register.simple_tag
def sparkline(values: Sequence[float | None]) -> SafeString:
    """A small inline line of numbers, oldest first; a gap (None) is left out."""
    points = _spark_points(values)
    if not points:
        return SafeString("")
    words = gettext("%(count)d values, last %(last)s, highest %(highest)s") % {
        "count": len(points),
        "last": f"{[v for v in values if v is not None][-1]:g}",
        "highest": f"{max(v for v in values if v is not None):g}",
    }
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    (first, _), (last, height) = points[0], points[-1]
    return format_html(
        '<svg class="sparkline" viewBox="0 0 108 26" role="img" aria-label="{}">'
        '<polygon points="{}"/><polyline points="{}"/><circle cx="{}" cy="{}" r="2.4"/></svg>',
        words,
        f"{first:.1f},25 {line} {last:.1f},25",
        line,
        f"{last:.1f}",
        f"{height:.1f}",
    )


def _spark_points(values: Sequence[float | None]) -> list[tuple[float, float]]:
    known = [value for value in values if value is not None]
    if not known:
        return []
    low, high = min(0.0, *known), max(*known, 1.0)
    step = 102 / max(len(values) - 1, 1)
    return [
        (3 + i * step, 23 - 20 * (value - low) / (high - low)) for i, value in enumerate(values) if value is not None
    ]
