"""The vocabulary of a process: transitions, clock rules and the table that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.labels import Label


@dataclass(frozen=True, slots=True)
class ClockRule:
    """A dated time limit: what it is called, how long, from which source, valid from which day."""

    code: str
    limit: timedelta
    label: Label
    source: str
    valid_from: date = date(2020, 1, 1)


@dataclass(frozen=True, slots=True)
class Transition:
    """One permitted move.

    `needs` is the ability asked of the viewer at the row's place; `reason` says that a sentence of why is due; `starts`
    and `stops` name clocks. `primary` marks the button a tired person should find first; a move that is not `offered`
    has no button of its own: a service makes it, with conditions the table cannot say.
    """

    name: str
    sources: tuple[str, ...]
    target: str
    needs: str
    label: Label
    reason: bool = False
    starts: tuple[str, ...] = ()
    stops: tuple[str, ...] = ()
    primary: bool = False
    offered: bool = True


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """A process as a table.

    `states` maps each state to its words, in order; the first is where a row begins. `opens` names clocks that start at
    the beginning.
    """

    name: str
    states: Mapping[str, Label]
    transitions: tuple[Transition, ...]
    opens: tuple[str, ...] = ()
    done: frozenset[str] = field(default_factory=frozenset)

    def __post_init__(self) -> None:
        for move in self.transitions:
            unknown = {*move.sources, move.target} - set(self.states)
            if unknown:
                raise ValueError(f"{self.name}.{move.name} names states {sorted(unknown)} that the table lacks.")

    @property
    def start(self) -> str:
        return next(iter(self.states))

    @property
    def choices(self) -> list[tuple[str, str]]:
        return [(state, label.zh) for state, label in self.states.items()]

    def moves_from(self, state: str) -> tuple[Transition, ...]:
        return tuple(move for move in self.transitions if state in move.sources)

    def move(self, name: str) -> Transition:
        for move in self.transitions:
            if move.name == name:
                return move
        known = ", ".join(move.name for move in self.transitions)
        raise Refusal(f"{self.name} has no step {name!r}; it has {known}.")
