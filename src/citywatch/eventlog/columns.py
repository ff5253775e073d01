"""Turn what a caller hands in into arrays of exactly the types a table has, or refuse it.

The log has no nulls and no silent overflow: a value that does not survive its column's type is refused here.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from citywatch.eventlog.schema import NUMPY_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from citywatch.eventlog.schema import Kind, Schema

    Column = npt.NDArray[Any] | Sequence[Any]


def checked(columns: Mapping[str, Column], schema: Schema, *, table: str) -> dict[str, npt.NDArray[Any]]:
    """Return the columns in the schema's order and types, all of one length.

    Raise ValueError when a column is missing, unknown, of another length, holds a null, or does not fit its type.

    >>> checked({"person": [7, 8]}, {"person": "int32"}, table="people")
    {'person': array([7, 8], dtype=int32)}
    """
    if set(columns) != set(schema):
        missing, unknown = sorted(set(schema) - set(columns)), sorted(set(columns) - set(schema))
        raise ValueError(f"Table {table!r} lacks the columns {missing} and does not have the columns {unknown}.")
    arrays = {name: _fitted(columns[name], kind, f"{table}.{name}") for name, kind in schema.items()}
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"The columns of table {table!r} differ in length: {lengths}.")
    return arrays


def _fitted(values: Column, kind: Kind, name: str) -> npt.NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(f"Column {name} has nulls; the log writes 0 or an empty text for none.")
    if kind == "str":
        return _texts(values, name)
    if kind in {"date", "instant"}:
        return _times(values, kind, name)
    return _whole_numbers(values, kind, name)


def _texts(values: Column, name: str) -> npt.NDArray[Any]:
    if isinstance(values, np.ndarray) and values.dtype == object and len(values):
        # A feed's source is one text a million times over: comparing is quicker than asking each for its type, and one
        # row that stands for all (it has no stride) need not be looked through again.
        if type(values[0]) is str and (values == values[0]).all():
            return np.broadcast_to(values[:1].copy(), len(values))
        if set(map(type, values)) == {str}:
            return values.copy()
    array = np.empty(len(values), dtype=object)
    array[:] = [str(value) if isinstance(value, np.str_) else value for value in values]
    for value in array:
        if not isinstance(value, str):
            raise ValueError(f"Column {name} holds {value!r}, which is not text.")  # noqa: TRY004  one error type here
    return array


def _times(values: Column, kind: Kind, name: str) -> npt.NDArray[Any]:
    if not isinstance(values, np.ndarray) or values.dtype == object:
        values = [_naive(value, kind, name) for value in values]
    array = np.asarray(values, dtype=NUMPY_TYPES[kind] if len(values) == 0 else None)
    if array.dtype.kind != "M":
        raise ValueError(f"Column {name} holds {array.dtype}, which is not a time.")
    fitted = array.astype(NUMPY_TYPES[kind])
    if np.isnat(fitted).any():
        raise ValueError(f"Column {name} has nulls; every row of the log has its times.")
    if kind == "date" and (fitted != array).any():
        raise ValueError(f"Column {name} holds instants where days belong; compute the city's day first.")
    return fitted


def _naive(value: object, kind: Kind, name: str) -> np.datetime64:
    """Strip the zone after moving to UTC: numpy and Parquet keep plain UTC."""
    if isinstance(value, np.datetime64):
        return value
    if kind == "date" and isinstance(value, date) and not isinstance(value, datetime):
        return np.datetime64(value, "D")
    if kind == "instant" and isinstance(value, datetime) and value.tzinfo is not None:
        return np.datetime64(value.astimezone(UTC).replace(tzinfo=None), "us")
    wanted = "a day" if kind == "date" else "an instant with its time zone"
    raise ValueError(f"Column {name} holds {value!r}; it takes {wanted}.")


def _whole_numbers(values: Column, kind: Kind, name: str) -> npt.NDArray[Any]:
    array = np.asarray(values, dtype=NUMPY_TYPES[kind] if len(values) == 0 else None)
    if array.dtype.kind not in "iu":
        raise ValueError(f"Column {name} holds {array.dtype}, which is not whole numbers.")
    limits = np.iinfo(NUMPY_TYPES[kind])
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        raise ValueError(f"Column {name} holds numbers outside {limits.min} to {limits.max}.")
    return array.astype(NUMPY_TYPES[kind])
