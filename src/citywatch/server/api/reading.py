"""How the API reads what it is sent: JSON and query values that can be stored, and numbers that a row can have."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from ninja.parser import Parser
from pydantic import AfterValidator, Field

from citywatch.mechanisms.clock import FIRST_YEAR, LAST_YEAR
from citywatch.mechanisms.errors import Refusal


def _within_reach(moment: datetime) -> datetime:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return moment.astimezone(UTC) if moment.tzinfo else moment  # PostgreSQL breaks on offsets beyond 16 hours


RowId = Annotated[int, Field(ge=1, le=2**63 - 1)]
"""A row's number: what a 64-bit key can be, so that no database is asked for more."""

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(2199, 12, 31))]
Moment = Annotated[datetime, AfterValidator(_within_reach)]
"""Days and moments of people's lives: far ones overflow when a limit is added to them."""

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class CleanJson(Parser):
    """ninja's JSON reader, refusing what JSON can spell and no database can keep."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        read: dict[str, Any] = super().parse_body(request)
        _refuse_unstorable([read])
        return read

    def parse_querydict(
        self, data: MultiValueDict[str, Any], list_fields: list[str], request: HttpRequest
    ) -> dict[str, Any]:
        read: dict[str, Any] = super().parse_querydict(data, list_fields, request)
        _refuse_unstorable([read])
        return read


def _refuse_unstorable(read: Iterable[object]) -> None:
    """Walk without recursion, so that depth costs nothing."""
    left = list(read)
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and _UNSTORABLE.search(value):
            raise Refusal(
                "The request holds a character that cannot be stored (NUL or half a character); take it out.",
                zh="请求中含有无法存储的字符（NUL或半个字符）；请删除后重发。",
            )
