"""Who was where in one version of the log, asked the quickest way there is.

Where bare columns are laid out (`window`) and numba is installed, they answer, with whatever came since read beside
them; else the engine answers the same by the expressions that specify it.
"""

from __future__ import annotations

from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from citywatch.eventlog import expressions
from citywatch.eventlog.expressions import table
from citywatch.eventlog.window import FOLDER, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from citywatch.eventlog.engines import Engine
    from citywatch.eventlog.segments import Store, Version

    Arrays = dict[str, npt.NDArray[Any]]
    Numbers = npt.NDArray[np.int32]

COMPILED = find_spec("numba") is not None


class Crowds:
    """Questions about the minutes of some spans, answered by one version of the log."""

    def __init__(self, store: Store, engine: Engine, spans: Sequence[tuple[int, int]]) -> None:
        """Pin the log as it is now; `spans` are the minutes asked about, each `[since, until)`, at least one."""
        self._engine = engine
        self._version = store.pin()
        self._spans = {
            "minute_from": np.array([since for since, _ in spans], dtype=np.int32),
            "minute_to": np.array([until for _, until in spans], dtype=np.int32),
        }
        self._columns, self._rest = _columns(store, self._version, spans) if COMPILED else (None, None)

    @property
    def compiled(self) -> bool:
        """Whether the bare columns answer."""
        return self._columns is not None

    def visits_of(self, people: Numbers) -> Arrays:
        """Every visit of these people that touches the spans, others maybe besides; in no order."""
        asked = {"people": {"person": people}}
        if self._columns is None or self._rest is None:
            return self._engine.run(
                expressions.visits_of(table("visits_by_person"), table("people")), self._version, **asked
            )
        from citywatch.eventlog import kernels  # noqa: PLC0415  numba is an extra

        found = kernels.visits_of(self._columns, people)
        since = self._engine.run(expressions.visits_of(table("visits"), table("people")), self._rest, **asked)
        return {name: np.concatenate([column, since[name]]) for name, column in found.items()}

    def candidates(self, people: Numbers) -> dict[int, int]:
        """For each place that two of these people came to in the rolled-up days, about how many people did."""
        found = self._engine.run(_CANDIDATES, self._version, people={"person": people})
        return dict(zip(found["place"].tolist(), found["visitors"].tolist(), strict=True))

    def visitors(self, members: Sequence[tuple[int, int]]) -> dict[int, int]:
        """Distinct people at each whole during any of the spans, by the `members` (place, whole); 0 is not told."""
        if not members:
            return {}
        wholes = np.unique(np.array([whole for _, whole in members], dtype=np.int32))
        spans = len(self._spans["minute_from"])
        small = {
            "members": {
                "place": np.array([place for place, _ in members], dtype=np.int32),
                "whole": np.array([whole for _, whole in members], dtype=np.int32),
            },
            "windows": {"place": np.repeat(wholes, spans)}
            | {name: np.tile(column, len(wholes)) for name, column in self._spans.items()},
        }
        if self._columns is None or self._rest is None:
            found = self._engine.run(_VISITORS, self._version, **small)
            return dict(zip(found["place"].tolist(), found["visitors"].tolist(), strict=True))
        from citywatch.eventlog import kernels  # noqa: PLC0415  numba is an extra

        found = kernels.visitors(self._columns, small["windows"], small["members"])
        counts = dict(zip(found["place"].tolist(), found["visitors"].tolist(), strict=True))
        came = self._engine.run(_WHEREABOUTS, self._rest, **small)
        known = kernels.whereabouts(self._columns, small["windows"], small["members"], came["person"])
        fresh = came["place"][~np.isin(_pairs(came), _pairs(known))]
        for place, more in zip(*np.unique(fresh, return_counts=True), strict=True):
            counts[int(place)] = counts.get(int(place), 0) + int(more)
        return counts

    def exposed(self, stays: Arrays, minutes: int, *, but: Numbers) -> Arrays:
        """Who was beside these stays for at least so many minutes at one time, summed by place; none of `but`.

        Gives `place`, the distinct `people` and their `minutes` together (int64), in order of places. `stays` are
        those of the cases (`person`, `place`, `minute_in`, `minute_out`), inside the spans; a case without a number
        has a negative one. Somebody beside two cases at once was beside each.
        """
        if self._columns is None or self._rest is None:
            met = expressions.co_visits(table("visits"), table("stays"), minutes).anti_join(table("people"), "person")
            summed = met.group_by("place").agg(people=met.person.nunique(), minutes=met.minutes.sum()).order_by("place")
            return self._engine.run(summed, self._version, stays=stays, people={"person": but})
        from citywatch.eventlog import kernels  # noqa: PLC0415  numba is an extra

        parts = [
            kernels.co_visits(self._columns, stays, minutes),
            self._engine.run(expressions.co_visits(table("visits"), table("stays"), minutes), self._rest, stays=stays),
        ]
        rows = {name: np.concatenate([part[name] for part in parts]) for name in ("place", "person", "minutes")}
        well = ~np.isin(rows["person"], but)
        rows = {name: values[well] for name, values in rows.items()}
        pairs = np.sort(_pairs(rows))  # np.unique puts millions of numbers into a hash table: 30 times as long
        once = np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]
        people = np.bincount(pairs[once] >> 32)
        place = np.flatnonzero(people)
        together = np.bincount(rows["place"], weights=rows["minutes"]).astype(np.int64)
        return {"place": place, "people": people[place], "minutes": together[place]}

    def day_levels(self, stays: Arrays, *, minutes: int, linger: int) -> Arrays:
        """The exposure level of everybody on each day by these stays: `day`, `person`, `level`.

        Specified by `expressions.day_levels`. A person may come twice a day: the higher counts. `stays` are as in
        `exposed`, the spans by `linger` longer than they.
        """
        expression = expressions.day_levels(table("visits"), table("stays"), minutes=minutes, linger=linger)
        if self._columns is None or self._rest is None:
            parts = [self._engine.run(expression, self._version, stays=stays)]
        else:
            from citywatch.eventlog import kernels  # noqa: PLC0415  numba is an extra

            # The kernel's answer is by person's number, where a case without one has no place: it gets a spare one.
            spare = max(self._columns.by_person.keys, int(stays["person"].max(initial=0)) + 1)
            numbered = stays | {"person": np.where(stays["person"] < 0, spare, stays["person"]).astype(np.int32)}
            known = kernels.day_levels(self._columns, numbered, minutes=minutes, linger=linger)
            others = known["person"] != spare
            parts = [
                {name: column[others] for name, column in known.items()},
                self._engine.run(expression, self._rest, stays=stays),
            ]
        found = {name: np.concatenate([part[name] for part in parts]) for name in ("day", "person", "level")}
        numbers = found["person"] >= 0
        return {name: column[numbers] for name, column in found.items()}

    @cached_property
    def people(self) -> int:
        """How many people the log saw anywhere during the spans."""
        asked = {"place": np.zeros(len(self._spans["minute_from"]), dtype=np.int32), **self._spans}
        if self._columns is None or self._rest is None:
            return int(self._engine.run(_PEOPLE, self._version, windows=asked)["people"][0])
        from citywatch.eventlog import kernels  # noqa: PLC0415  numba is an extra

        found = kernels.present(self._columns, asked)["person"]
        came = self._engine.run(_PRESENT, self._rest, windows=asked)["person"]
        there = np.zeros(max(int(found.max(initial=0)), int(came.max(initial=0))) + 1, dtype=np.bool_)
        there[found] = True
        there[came] = True
        return int(np.count_nonzero(there))


_CANDIDATES = expressions.candidates(table("pairs"), table("visitor_counts"), table("unpaired"), table("people"))
_VISITORS = expressions.visitors(table("visits"), table("windows"), table("members"))
_WHEREABOUTS = expressions.whereabouts(table("visits"), table("windows"), table("members"))
_PRESENT = expressions.present(table("visits"), table("windows"))
_PEOPLE = _PRESENT.agg(people=lambda rows: rows.count())


def _columns(store: Store, version: Version, spans: Sequence[tuple[int, int]]) -> tuple[Window | None, Version | None]:
    found = Window.open(store.root / FOLDER)
    if found is None:
        return None, None
    since, until = min(since for since, _ in spans), max(until for _, until in spans)
    rest = found.beside(version, since, until)
    return (found, rest) if rest is not None else (None, None)


def _pairs(rows: Arrays) -> npt.NDArray[np.int64]:
    pairs: npt.NDArray[np.int64] = rows["place"].astype(np.int64) << 32 | rows["person"]
    return pairs
