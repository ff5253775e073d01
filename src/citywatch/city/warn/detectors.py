"""Which method watches which series with which settings and since when.

To add a detector, add a line to `DETECTORS`. The desk changes a line by a dated decision (`settings_on`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from citywatch.city.warn.rules import WEEKLY_STREAMS
from citywatch.city.warn.types import Decision, Step
from citywatch.mechanisms.labels import Label

EARS, CITYWATCH, SINGLE_CASE, SCHOOL, WEEKLY = "ears", "citywatch", "single-case", "school", "weekly"
_BEGAN = date(2020, 1, 1)


@dataclass(frozen=True, slots=True)
class Detector:
    """One line: the series watched (level, step, streams; none named: all), the method, its settings, since when.

    Detectors of one `family` share a level and a step, and their alarms on one series are one signal. `method` is a
    name of the catalogue, or "single-case" and "school" for the fixed numbers of the dated rules.
    """

    code: str
    family: str
    method: str
    level: str
    step: Step
    settings: Mapping[str, Any] = field(default_factory=dict)
    since: date = _BEGAN
    streams: tuple[str, ...] = ()
    enabled: bool = True
    because: str = ""

    def describe(self) -> Label:
        """Say the line in words: what watches what, how, and since when."""
        told = "，".join(f"{name}={value}" for name, value in self.settings.items())
        said = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        level, step = _LEVEL_WORDS[self.level], _STEP_WORDS[self.step]
        return Label(
            f"自{self.since}起：{self.code}以{self.method}方法监测{level.zh}{step.zh}序列"
            + (f"（{told}）。" if told else "。"),
            f"From {self.since}: {self.code} watches {level.en} by {step.en} with {self.method}"
            + (f" ({said})." if said else "."),
        )


_LEVEL_WORDS = {
    "street": Label("街道", "streets"),
    "site": Label("点位", "sites"),
    "district": Label("区", "districts"),
}
_STEP_WORDS = {"day": Label("日", "day"), "week": Label("周", "week")}
_SHORT: Mapping[str, Any] = {"baseline": 7, "least": 5, "alpha": 0.001, "min_sigma": 0.5}
_SLOW: Mapping[str, Any] = {**_SHORT, "alpha": 0.025}

DETECTORS: tuple[Detector, ...] = (
    #        code           family       method         level       step    settings
    Detector("C2",          EARS,        "ears-c2",     "street",   "day",  _SHORT),
    Detector("C1",          EARS,        "ears-c1",     "street",   "day",  _SHORT),
    Detector("C3",          EARS,        "ears-c3",     "street",   "day",  _SLOW),
    Detector("day",         CITYWATCH,   "citywatch",   "street",   "day",  enabled=False),
    Detector("site-C2",     EARS,        "ears-c2",     "site",     "day",  _SHORT),
    Detector("site-C1",     EARS,        "ears-c1",     "site",     "day",  _SHORT),
    Detector("week",        WEEKLY,      "citywatch",   "district", "week", streams=WEEKLY_STREAMS),
    Detector("single-case", SINGLE_CASE, "single-case", "street",   "day"),
    Detector("school",      SCHOOL,      "school",      "site",     "day"),
)  # fmt: skip
"""Within a family the first that alarmed gives the expected number and the bound that pages show, else the first."""


def settings_on(day: date, decisions: Sequence[Decision] = ()) -> tuple[Detector, ...]:
    """The lines in force on a day: the code's, each replaced by the last decision about it valid by then.

    A decision brings a whole method with all its settings; nothing is taken over from the line it replaces. Lines
    switched off are given with `enabled` False. Of two decisions valid from one day the later decided one holds.
    """
    latest: dict[str, Decision] = {}
    for one in sorted(decisions, key=lambda d: (d.valid_from, d.decided_at)):
        if one.valid_from <= day:
            latest[one.detector] = one
    lines = (_decided(line, latest.get(line.code)) for line in DETECTORS)
    return tuple(line for line in lines if line.since <= day)


def _decided(line: Detector, one: Decision | None) -> Detector:
    if one is None:
        return line
    return replace(
        line, method=one.method, settings=dict(one.settings), since=one.valid_from, enabled=one.enabled,
        because=one.because,
    )  # fmt: skip
