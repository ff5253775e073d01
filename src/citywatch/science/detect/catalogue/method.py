"""What the catalogue says about one method, and how it is asked to judge."""

import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple, get_type_hints

import numpy as np
from numpy.typing import ArrayLike, NDArray

from citywatch.science.detect import Detection
from citywatch.science.detect.catalogue.kinds import Kind, NotOfTheKind

# What a method may be handed beside its settings; each takes those of them that mean something to it.
CONTEXT = frozenset({"start", "frequency", "dates", "population", "holidays", "start_period", "match_r"})
USED = "_used"
WEEKLY = 52


class Words(NamedTuple):
    """One thing in Chinese and in English."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing about a method that may be set; `hint` is the function's own annotation."""

    name: str
    default: object
    hint: object
    words: Words

    @property
    def kind(self) -> str:
        """What may be given, in words."""
        return Kind(self.hint).words

    @property
    def choices(self) -> tuple[object, ...]:
        """The values there are to choose from; empty where any value of the kind will do."""
        return Kind(self.hint).choices


@dataclass(frozen=True, eq=False)
class Method:
    """One way to judge a series, as the command line and the desk know it.

    `own` are defaults that differ from the function's. `r_names` gives our setting for each of R's arguments,
    `r_defaults` what R takes where nothing is said; it is None where there is no R to reproduce. `stands_for` are
    arguments of R that choose this very method: they may be given and must agree. `r_keeps_silent` says that R answers
    "no alarm" where it has no bound; elsewhere it answers, as we do, that it cannot tell. `r_knows_dates` says that R's
    function goes by the calendar; the others count points, whatever the dates. `kinds` narrows what may be given where
    the function takes more than JSON can say.
    """

    name: str
    function: Callable[..., Detection]
    words: Words
    idea: Words
    source: str
    defaults_from: str
    setting_words: Mapping[str, Words]
    own: Mapping[str, object] = field(default_factory=dict)
    r_names: Mapping[str, str] = field(default_factory=dict)
    r_defaults: Mapping[str, object] | None = None
    stands_for: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    r_keeps_silent: bool = False
    r_knows_dates: bool = False
    kinds: Mapping[str, object] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @cached_property
    def settings(self) -> Mapping[str, Setting]:
        """What may be set, in the function's own order."""
        hints = get_type_hints(self.function) | dict(self.kinds)
        return {
            name: Setting(name, self.own.get(name, parameter.default), hints[name], self.setting_words[name])
            for name, parameter in self._parameters.items()
            if parameter.kind is parameter.KEYWORD_ONLY and name not in CONTEXT
        }

    @cached_property
    def _parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.function).parameters

    def takes(self, context: str) -> bool:
        """Whether the method makes anything of `dates`, `population`, `frequency` and the like."""
        return context in self._parameters

    @property
    def frequency(self) -> int:
        """Points to a season where nobody says: weeks, or days for a method of days."""
        return int(self._parameters["frequency"].default) if self.takes("frequency") else WEEKLY

    @property
    def reproduces_r(self) -> bool:
        """Whether `match_r` may be asked for: there is an R function whose answers these are."""
        return self.r_defaults is not None

    def defaults(self, *, match_r: bool = False) -> dict[str, object]:
        """What holds where nothing is said: the literature's recommendation, with `match_r` R's own defaults."""
        ours = {name: setting.default for name, setting in self.settings.items()}
        return ours | dict(self.r_defaults or {}) if match_r else ours

    def resolve(self, given: Mapping[str, object], *, match_r: bool = False) -> dict[str, object]:
        """Turn settings as people give them, in our words or R's, into the function's own, defaults filled in.

        `X_used`, as reference cases carry it, is what R made of a default X: it holds where X is absent, or is null and
        null says nothing of its own (for the dispersion of glr-nb it says "estimate it"). Raises ValueError for an
        unknown name, a value of the wrong kind, a setting given twice, or `match_r` without an R.
        """
        if match_r and not self.reproduces_r:
            msg = f"match_r: {self.name} has no counterpart in R to be reproduced; leave it out."
            raise ValueError(msg)
        asked: dict[str, object] = {}
        for name, value in self._with_used(given).items():
            ours = self._ours(name)
            if name in self.stands_for:
                self._refuse_another(name, value)
            elif ours is None:
                msg = f"there is no setting {name} for {self.name}; its settings are {', '.join(self.settings)}."
                raise ValueError(msg)
            elif ours in asked:
                msg = f"{name}: {ours} is given twice, in our word and in R's; give it once."
                raise ValueError(msg)
            else:
                asked[ours] = self._value(ours, value, called=name)
        return self.defaults(match_r=match_r) | asked

    def _with_used(self, given: Mapping[str, object]) -> dict[str, object]:
        used = {name: name.removesuffix(USED) for name in given if self._is_used(name)}
        plain = {name: value for name, value in given.items() if name not in used}
        return plain | {base: given[name] for name, base in used.items() if self._says_nothing(base, plain)}

    def _is_used(self, name: str) -> bool:
        base = name.removesuffix(USED)
        return name.endswith(USED) and (self._ours(base) is not None or base in self.stands_for)

    def _says_nothing(self, name: str, given: Mapping[str, object]) -> bool:
        ours = self._ours(name)
        meant = ours is not None and Kind(self.settings[ours].hint).takes_null
        return name not in given or (given[name] is None and not meant)

    def _ours(self, name: str) -> str | None:
        return name if name in self.settings else self.r_names.get(name)

    def _value(self, name: str, given: object, *, called: str) -> object:
        setting = self.settings[name]
        try:
            return Kind(setting.hint).taken(given)
        except NotOfTheKind:
            msg = f"{called}: {json.dumps(given, ensure_ascii=False)} is not {setting.kind}; give one."
            raise ValueError(msg) from None

    def _refuse_another(self, name: str, value: object) -> None:
        here = self.stands_for[name]
        if not any(type(value) is type(one) and value == one for one in here):
            ours = " or ".join(json.dumps(one) for one in here)
            msg = f"{name}: {json.dumps(value, ensure_ascii=False)} does not go with {self.name}, where it is {ours}."
            raise ValueError(msg)

    def judge(
        self,
        counts: ArrayLike,
        settings: Mapping[str, object],
        *,
        start: int | None = None,
        frequency: int | None = None,
        dates: NDArray[np.datetime64] | None = None,
        population: ArrayLike | None = None,
        holidays: ArrayLike | None = None,
        start_period: int = 1,
        match_r: bool = False,
    ) -> Detection:
        """Judge counts of shape (..., time) with resolved settings; what the method does not take is left out."""
        context = {
            "start": start,
            "frequency": frequency or self.frequency,
            "dates": None if match_r and not self.r_knows_dates else dates,
            "population": population,
            "holidays": holidays,
            "start_period": start_period,
            "match_r": match_r,
        }
        return self.function(counts, **settings, **{name: v for name, v in context.items() if self.takes(name)})
