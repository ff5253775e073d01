"""Who may see what, written from the rules and not from the code: see THREAT_MODEL.md and ARCHITECTURE.md.

A world is plain values. What may be seen of a row has depths: its `number` (with its barcode, label or title), its
`text` (whatever else stands in it), its `history` (what the journal says of it), and for a person the `masked` name
and number. The whole identity is on no page that is merely looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

Key = tuple[str, int]
Sight = tuple[str, int, str]

SEEN_WITH = {
    "case": ("trace.view",), "contact": ("trace.view",), "investigation": ("trace.view",), "riskpoint": ("trace.view",),
    "link": ("trace.view",), "sample": ("lab.view",), "submission": ("sense.view",), "hold": ("sense.view",),
    "receipt": ("receipt.view",), "quarantinedrow": ("receipt.view",), "proposal": ("warn.view",),
    "signal": ("warn.view",), "healthevent": ("warn.view",), "alert": ("warn.view",), "incident": ("respond.view",),
    "leveldecision": ("respond.view",), "order": ("respond.view",), "export": ("export.approve",),
    "opening": ("emergency.see",), "entry": ("journal.read",), "looseend": ("lab.view", "journal.read"),
    "machinekey": ("accounts.manage",), "grant": ("grants.manage",), "deskview": (), "legalhold": (),
}  # fmt: skip
"""By kind of row, the abilities any of which shows those of a place; those without are one account's, or on no page."""
ITS_OWNERS = {"deskview", "export", "opening", "machinekey"}
"""What somebody made is shown to them, wherever it stands."""
APART = {"accounts.manage", "grants.manage", "journal.audit"}
"""Three people's work (三员分立): whoever holds two of these holds none."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of one place; `names` are the rows whose numbers it bears, `person` whom it is about."""

    kind: str
    number: int
    path: str
    names: tuple[Key, ...] = ()
    person: int | None = None
    owner: str = ""
    members: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Grant:
    abilities: frozenset[str]
    path: str
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A case opened in an emergency, by whom and until when."""

    who: str
    case: int
    until: datetime


@dataclass
class World:
    at: datetime
    rows: dict[Key, Row] = field(default_factory=dict)
    known: dict[int, set[str]] = field(default_factory=dict)
    grants: dict[str, list[Grant]] = field(default_factory=dict)
    openings: list[Opened] = field(default_factory=list)


def reach(world: World, who: str) -> dict[str, set[str]]:
    """The places each ability of somebody reaches now."""
    held: dict[str, set[str]] = {}
    for grant in world.grants.get(who, ()):
        if grant.until is None or grant.until > world.at:
            for ability in grant.abilities:
                held.setdefault(ability, set()).add(grant.path)
    return {a: paths for a, paths in held.items() if a not in APART or len(APART & held.keys()) == 1}


def on_paper(world: World, who: str) -> set[str]:
    """Abilities that somebody was given and does not hold: a right that ended, a revoked key, separated rights."""
    return {ability for grant in world.grants.get(who, ()) for ability in grant.abilities} - reach(world, who).keys()


def holds(held: dict[str, set[str]], ability: str, path: str) -> bool:
    return any(path.startswith(root) for root in held.get(ability, ()))


def rows_seen(world: World, who: str) -> set[Key]:
    held = reach(world, who)
    return {key for key, row in world.rows.items() if sees(world, who, row, held)}


def sees(world: World, who: str, row: Row, held: dict[str, set[str]]) -> bool:
    """A row is seen by its place, by its owner, or in an emergency; an investigation also by a case one has in it."""
    if _by_right(who, row, held):
        return True
    if row.kind == "investigation":
        return any(_by_right(who, world.rows[member], held) for member in row.members)
    return row.kind == "case" and row.number in opened_to(world, who)


def _by_right(who: str, row: Row, held: dict[str, set[str]]) -> bool:
    by_place = any(holds(held, ability, row.path) for ability in SEEN_WITH[row.kind])
    return by_place or (row.kind in ITS_OWNERS and row.owner == who)


def opened_to(world: World, who: str) -> set[int]:
    """The cases open to somebody in an emergency that has not ended."""
    return {one.case for one in world.openings if one.who == who and one.until > world.at}


def may_see(world: World, who: str) -> set[Sight]:
    """Everything somebody may see on pages, and through the API, by looking."""
    seen = rows_seen(world, who)
    return set(_sights(world, who, seen))


def _sights(world: World, who: str, seen: set[Key]) -> Iterator[Sight]:
    held = reach(world, who)
    opened = opened_to(world, who)
    for key in seen:
        row = world.rows[key]
        yield (*key, "number")
        yield (*key, "text")
        if row.kind in {"entry", "looseend"}:
            yield from ((*named, "history") for named in row.names)
        # Who sees a row reads the numbers of those it names; an investigation's chains name all its cases.
        yield from ((*named, "number") for named in (*row.names, *row.members))
        if row.person is not None:
            yield ("person", row.person, "number")
            in_emergency = row.kind == "case" and row.number in opened
            if in_emergency or any(holds(held, "vault.masked", path) for path in world.known[row.person]):
                yield ("person", row.person, "masked")
