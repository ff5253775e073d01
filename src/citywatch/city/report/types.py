"""What the situation sheet and the command screen are made of: numbers, where each comes from, and how it counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from citywatch.mechanisms.labels import Label


@dataclass(frozen=True, slots=True)
class FigureRule:
    """One figure of the sheet: which journal entries it counts, and which withdraw a subject from the count.

    A subject (a sample, a case, an order) counts once, at the first of its entries. `source` and `basis` are printed
    beside the figure.
    """

    code: str
    label: Label
    kinds: tuple[str, ...]
    source: Label
    basis: Label
    withdrawn_by: tuple[str, ...] = ()
    people: bool = False


@dataclass(frozen=True, slots=True)
class FigureLine:
    """A figure as known at the sheet's moment: on its day, and since records began."""

    rule: FigureRule
    new: int
    total: int


@dataclass(frozen=True, slots=True)
class DistrictLine:
    """All figures of one district, by figure code; code `""` is what belongs to the city and to no district."""

    code: str
    name: Label
    new: Mapping[str, int]
    total: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class DayLine:
    """All figures of one day, by figure code; `day` None is everything before the first day shown."""

    day: date | None
    new: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StreamLine:
    """One reporting stream: today against its usual day, and who has reported.

    `usual` is the mean of the seven days before (None before anything was reported); `series` ends with today. Sites
    are counted for the last whole day, whose returns are due.
    """

    code: str
    label: Label
    today: int
    usual: float | None
    series: tuple[int, ...]
    days: tuple[date, ...]
    by_district: Mapping[str, int]
    reporting: int
    expected: int

    @property
    def share(self) -> float | None:
        return self.reporting / self.expected if self.expected else None


@dataclass(frozen=True, slots=True)
class Situation:
    """The city (or the viewer's part of it) as the log knew it at one moment."""

    as_of: datetime
    day: date
    place_name: Label
    figures: tuple[FigureLine, ...]
    districts: tuple[DistrictLine, ...]
    days: tuple[DayLine, ...]
    streams: tuple[StreamLine, ...]
    risk_points: tuple[Label, ...]
    risk_point_places: tuple[int, ...]
    holds: int

    def figure(self, code: str) -> FigureLine:
        return next(line for line in self.figures if line.rule.code == code)

    @property
    def coverage(self) -> float | None:
        """Site-returns received for the last whole day, over those due."""
        expected = sum(stream.expected for stream in self.streams)
        return sum(stream.reporting for stream in self.streams) / expected if expected else None


@dataclass(frozen=True, slots=True)
class PressFigure:
    """A figure for the public; None is withheld."""

    label: Label
    new: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class PressSheet:
    """What may leave the house: no small number, no person, no institution that is not a published risk point."""

    as_of: datetime
    place_name: Label
    figures: tuple[PressFigure, ...]
    districts: tuple[tuple[Label, int | None], ...]
    risk_points: tuple[Label, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class ClockGroup:
    """The running clocks of one kind: how many, how many are late, and the share used of the one nearest its end."""

    code: str
    label: Label
    running: int
    late: int
    share: float


@dataclass(frozen=True, slots=True)
class Command:
    """Everything the command screen shows, gathered at one moment."""

    situation: Situation
    levels: Mapping[str, int]
    proposals: Sequence[Any]
    incidents: Sequence[Any]
    orders: Any
    open_orders: Sequence[Any]
    source_clocks: Sequence[Any]
    clocks: Sequence[ClockGroup]
    map: Mapping[str, Any]
