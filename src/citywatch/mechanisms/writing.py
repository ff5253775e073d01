"""Writing many new rows at once.

A report leaves rows in six tables. With the ORM's INSERT most of the time of storing it goes into spelling values out
in SQL and reading them again; PostgreSQL's COPY takes rows as they are.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import connection
from django.db.models import Field, JSONField, Model

_PART = 500
_FEW = 4  # below, one INSERT is as quick and asks for no numbers beforehand

Row = TypeVar("Row", bound=Model)


def write_new(rows: Sequence[Row], *, numbered: bool = True) -> list[Row]:
    """Store rows that are new, all of one model, inside the caller's transaction.

    Each learns its number, unless it is said that nobody asks for it. Raises what an INSERT would: `IntegrityError`
    where a row breaks a rule, and then none is stored.
    """
    if connection.vendor != "postgresql" or len(rows) < _FEW:
        return type(rows[0])._base_manager.bulk_create(rows, batch_size=_PART) if rows else []
    model = type(rows[0])
    if numbered:
        for row, number in zip(rows, _numbers(model, len(rows)), strict=True):
            row.pk = number
    fields = [field for field in model._meta.concrete_fields if numbered or not field.primary_key]
    written = [(field.attname, _as_stored(field)) for field in fields]
    into = f"COPY {_table_of(model, fields)} FROM STDIN"
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(into) as copy:
        for row in rows:
            values = vars(row)
            copy.write_row([stored(values[name]) if stored else values[name] for name, stored in written])
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias
    return list(rows)


def write_values(model: type[Model], names: Sequence[str], rows: Sequence[tuple[Any, ...]], rest: str = "") -> None:
    """Insert values that have no object each, as the database takes them; `rest` ends the statement."""
    by_name = {field.attname: field for field in model._meta.concrete_fields}
    fields = [by_name[name] for name in names]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # a column at a time: one statement, however many rows
            lists = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
            columns = [list(column) for column in zip(*rows, strict=True)]
            cursor.execute(f"INSERT INTO {_table_of(model, fields)} SELECT * FROM unnest({lists}) {rest}", columns)  # noqa: S608 - our own names
        else:
            marks = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT INTO {_table_of(model, fields)} VALUES ({marks}) {rest}", rows)  # noqa: S608 - our own names


def _table_of(model: type[Model], fields: "Sequence[Field[Any, Any]]") -> str:
    quote = connection.ops.quote_name
    return f"{quote(model._meta.db_table)} ({', '.join(quote(str(field.column)) for field in fields)})"


def _numbers(model: type[Model], how_many: int) -> list[int]:
    """Numbers nobody else gets, from where an INSERT would take them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [model._meta.db_table, model._meta.pk.column, how_many],
        )
        return [number for (number,) in cursor.fetchall()]


def _as_stored(field: "Field[Any, Any]") -> Callable[[Any], Any] | None:
    """How a field's value is put; None where the driver knows it."""
    if not isinstance(field, JSONField):
        return None
    encoder, adapted = field.encoder, connection.ops.adapt_json_value
    return lambda value: None if value is None else adapted(value, encoder)
