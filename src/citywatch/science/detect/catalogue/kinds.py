"""Values of settings as JSON has them, against what a function's annotation asks for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from types import NoneType, UnionType
from typing import Literal, Union, get_args, get_origin

_IN_WORDS: Mapping[object, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a text",
    NoneType: "null",
}


class NotOfTheKind(ValueError):
    """The value is not what the annotation asks for."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What may be given for a setting, by the annotation of the function that takes it."""

    hint: object

    def taken(self, given: object) -> object:
        """Turn a JSON value into what the function takes: 7 for a float into 7.0, a list for a tuple into one.

        Raises NotOfTheKind where it is something else; true is no number, and 7.5 is no whole one.

        >>> Kind(tuple[int, int]).taken([5, 4]), Kind(float | None).taken(3)
        ((5, 4), 3.0)
        """
        for kind in _alternatives(self.hint):
            try:
                return _one(kind, given)
            except NotOfTheKind:
                continue
        raise NotOfTheKind

    @property
    def words(self) -> str:
        """The kind for the sentence and the help: 'a whole number or null', 'one of "delta", "muan"'."""
        return " or ".join(_one_in_words(kind) for kind in _alternatives(self.hint))

    @property
    def choices(self) -> tuple[object, ...]:
        """The values there are to choose from; empty where any value of the kind will do."""
        found: list[object] = []
        for kind in _alternatives(self.hint):
            found += [True, False] if kind is bool else get_args(kind) if get_origin(kind) is Literal else []
        return tuple(found)

    @property
    def takes_null(self) -> bool:
        """Whether null is a value of its own."""
        return NoneType in _alternatives(self.hint)


def _alternatives(hint: object) -> tuple[object, ...]:
    return get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)


def _one(kind: object, given: object) -> object:
    if kind in {int, float}:
        return _number(given, whole=kind is int)
    if kind in _IN_WORDS:
        if isinstance(given, kind):  # type: ignore[arg-type]
            return given
    elif get_origin(kind) is Literal:
        if any(type(given) is type(choice) and given == choice for choice in get_args(kind)):
            return given
    elif _is_names(kind):
        if isinstance(given, Mapping):
            return dict(given)
    elif isinstance(given, list | tuple):
        return _many(get_args(kind), given)
    raise NotOfTheKind


def _number(given: object, *, whole: bool) -> int | float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not isfinite(given):
        raise NotOfTheKind
    if not whole:
        return float(given)
    if given != int(given):
        raise NotOfTheKind
    return int(given)


def _many(kinds: tuple[object, ...], given: list[object] | tuple[object, ...]) -> tuple[object, ...]:
    if len(kinds) == 1 or Ellipsis in kinds:
        return tuple(Kind(kinds[0]).taken(value) for value in given)
    if len(kinds) != len(given):
        raise NotOfTheKind
    return tuple(Kind(kind).taken(value) for kind, value in zip(kinds, given, strict=True))


def _one_in_words(kind: object) -> str:
    arguments = get_args(kind)
    if kind in _IN_WORDS:
        return _IN_WORDS[kind]
    if get_origin(kind) is Literal:
        return f"one of {', '.join(json.dumps(choice) for choice in arguments)}"
    if _is_names(kind):
        return 'names and values such as {"S": 1, "trend": false}'
    several = "a list" if len(arguments) == 1 or Ellipsis in arguments else f"a list of {len(arguments)}"
    return f"{several}, each {Kind(arguments[0]).words}"


def _is_names(kind: object) -> bool:
    origin = get_origin(kind) or kind
    return isinstance(origin, type) and issubclass(dict, origin)
