"""The person (or machine) who is asking, as a frozen value that services and queries are handed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

SEPARATED = frozenset({"accounts.manage", "grants.manage", "journal.audit"})
"""Making accounts, giving rights and reading the record: three people's work (三员分立), never one's."""


@dataclass(frozen=True, slots=True)
class Held:
    """One grant as its account holds it: the role's rights, where, how carefully to sign in, and until when.

    `opened_until` is when the last row that the account opened in an emergency closes again. Without a path there is no
    grant at all.
    """

    abilities: Sequence[str]
    path: str | None
    second_factor: bool
    idle_minutes: int | None
    until: datetime | None
    opened_until: datetime | None


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who asks, with the subtrees each of their abilities reaches.

    `reach` maps an ability to place paths; a path ends in "/" so that 110000/110106/ cannot match 110000/1101060/.
    `second_factor` and `idle` are what their roles ask of their sign-in. `opened` holds single rows, by kind, that they
    opened in an emergency and may look at until it ends.

    >>> desk = Viewer("account:1", "Duty officer", {"warn.view": ("110000/110106/",)})
    >>> desk.may("warn.view", "110000/110106/110106024/"), desk.may("warn.view", "110000/110107/")
    (True, False)
    """

    actor: str
    name: str
    reach: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    second_factor: bool = False
    idle: timedelta | None = None
    opened: Mapping[str, frozenset[int]] = field(default_factory=lambda: MappingProxyType({}))

    def paths(self, ability: str) -> tuple[str, ...]:
        return self.reach.get(ability, ())

    def may(self, ability: str, path: str) -> bool:
        return any(path.startswith(root) for root in self.paths(ability))

    def may_anywhere(self, ability: str) -> bool:
        return bool(self.paths(ability))


NOBODY = Viewer("nobody", "nobody")
