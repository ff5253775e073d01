"""The columns of every table in the log, of every small table a query may bring along, and the city's day.

It does not decide what goes into them: `rebuild` lays rows out, `columns` checks them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

Kind = Literal["int64", "int32", "str", "date", "instant"]
Schema = dict[str, Kind]

EVERYTHING = "*"
"""The syndrome of the row that counts a submission as a whole; every submission has exactly one."""

COUNTS: Schema = {
    "submission": "int64",
    "stream": "str",
    "syndrome": "str",
    "place": "int32",
    "street": "int32",
    "district": "int32",
    "home_street": "int32",  # 0: unknown
    "person": "int32",  # 0: none
    "occurred_on": "date",
    "recorded_at": "instant",
    "corrects": "int64",  # the submission this one replaces; 0: none
    "count": "int32",  # 0 on a zero-report and on a withdrawal
}
ENTRIES: Schema = {
    "writer": "str",
    "seq": "int64",
    "kind": "str",
    "place": "int32",
    "at": "instant",
    "subject_kind": "str",
    "subject": "int64",
    "actor": "str",
}
VISITS: Schema = {
    "person": "int32",
    "place": "int32",
    "minute_in": "int32",  # minutes since 1970-01-01T00:00Z
    "minute_out": "int32",  # the first minute the person was no longer there
    "source": "str",
}
PAIRS: Schema = {"place": "int32", "person": "int32"}
VISITOR_COUNTS: Schema = {"place": "int32", "visitors": "int32"}
TABLES: Mapping[str, Schema] = {
    "counts": COUNTS,
    "entries": ENTRIES,
    "visits": VISITS,
    "visits_by_person": VISITS,
    "pairs": PAIRS,
    "visitor_counts": VISITOR_COUNTS,
    "unpaired": PAIRS,
}
ROLL_UP = ("pairs", "visitor_counts")
DERIVED = frozenset({"visits_by_person", *ROLL_UP, "unpaired"})
"""Made of `visits` when a day is closed, never appended to. A reader gets them with the visits not yet in them, so
they always hold the same as `visits`: by person, the same rows; as pairs, whoever was where in `ROLLED_UP_DAYS` days,
some of them more than once. `visitor_counts` are the different people of each place in the pairs rolled up, and
`unpaired` the visits of those days that are not: the two together count what `pairs` holds."""
ROLLED_UP_DAYS = 14

SORTED_BY: Mapping[str, tuple[str, ...]] = {
    "counts": ("occurred_on", "stream", "syndrome", "street", "place", "submission"),
    "entries": ("writer", "seq"),
    "visits": ("place", "minute_in", "person"),
    "visits_by_person": ("person", "minute_in", "place"),
    "pairs": ("person", "place"),
    "visitor_counts": ("place",),
}
"""The order of rows in a compacted segment: what is asked for together lies together."""

PEOPLE: Schema = {"person": "int32"}
WINDOWS: Schema = {"place": "int32", "minute_from": "int32", "minute_to": "int32"}
STAYS: Schema = {"person": "int32", "place": "int32", "minute_in": "int32", "minute_out": "int32"}
MEMBERS: Schema = {"place": "int32", "whole": "int32"}
CARRIERS: Schema = {"person": "int32", "minute_from": "int32", "minute_to": "int32"}
LEVELS: Schema = {"day": "int32", "person": "int32", "level": "int32"}
MOMENT: Schema = {"as_of": "instant"}
REPLACED: Schema = {"submission": "int64"}
NAMES: Schema = {"stream": "str", "syndrome": "str", "name": "int32"}
SMALL_TABLES: Mapping[str, Schema] = {
    "people": PEOPLE,
    "windows": WINDOWS,
    "stays": STAYS,
    "members": MEMBERS,  # what a place counts as: itself, its market, or both
    "carriers": CARRIERS,  # from when until when each could pass it on
    "levels": LEVELS,  # the day is that of the log: days since 1970 in the city
    "moment": MOMENT,  # one row
    "replaced": REPLACED,
    "names": NAMES,
}
"""What a query may bring along; handed to `Engine.run` by these names."""

IBIS_TYPES: Mapping[Kind, str] = {
    "int64": "int64",
    "int32": "int32",
    "str": "string",
    "date": "date",
    "instant": "timestamp(6)",
}
DUCKDB_TYPES: Mapping[Kind, str] = {
    "int64": "BIGINT",
    "int32": "INTEGER",
    "str": "VARCHAR",
    "date": "DATE",
    "instant": "TIMESTAMP",
}
SPARK_TYPES: Mapping[Kind, str] = {
    "int64": "bigint",
    "int32": "int",
    "str": "string",
    "date": "date",
    "instant": "timestamp_ntz",
}
NUMPY_TYPES: Mapping[Kind, str] = {
    "int64": "int64",
    "int32": "int32",
    "str": "object",
    "date": "datetime64[D]",
    "instant": "datetime64[us]",
}

_SHANGHAI = np.timedelta64(8, "h")  # UTC+8 all year: China has had no summer time since 1991


def city_days(instants: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """Give the Asia/Shanghai calendar day of each UTC instant.

    >>> city_days(np.array(["2020-06-10T15:59", "2020-06-10T16:00"], dtype="datetime64[us]")).astype(str).tolist()
    ['2020-06-10', '2020-06-11']
    """
    days: npt.NDArray[np.datetime64] = (instants + _SHANGHAI).astype("datetime64[D]")
    return days
