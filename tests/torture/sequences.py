"""What senders do with messages, drawn from a seed, and what the ledger must then hold: the oracle, a pure function.

A sender repeats itself, sends in another order, sends again because the answer was lost, cuts a batch in two, uses one
id for two contents, sends what is no message; two senders use one id; the process dies before or while it stores.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.city.reports import id_number, symptom

SENDERS = ("110106018-C01", "110106024-S01")
FORM, OTHER_FORM = "symptom-registration", "fever-clinic-visit"
GARBAGE = (b"{", b'{"rows": 3}', b"\xff\xfe", b'{"rows": [1]}')
CONFLICT, UNREADABLE, STORED, REPEATED, SILENCE = 409, 422, 201, 200, 0
Fate = Literal["answered", "killed before storing", "killed while storing"]


@dataclass(frozen=True, slots=True)
class Patient:
    """One row: the same number is the same row; `name` 1 is somebody else's name under the same ID number."""

    number: int
    name: int = 0
    feverish: bool = True


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to send: rows or bytes that are no message, and what becomes of the process that takes it."""

    sender: str
    message_id: str
    content: tuple[Patient, ...] | bytes
    form: str = FORM
    fate: Fate = "answered"


@dataclass(frozen=True, slots=True)
class Finish:
    """The job that finishes what dead processes left."""


Step = Delivery | Finish
Row = tuple[str, Patient]


@dataclass(slots=True)
class Ledger:
    """What must be held: per message its state and counts, each stored row once, the people, and every answer."""

    answers: list[int] = field(default_factory=list)
    messages: dict[tuple[str, str], tuple[str, int, int, int, int]] = field(default_factory=dict)
    rows: set[Row] = field(default_factory=set)
    people: int = 0
    conflicts: int = 0


def drawn(seed: int) -> list[Step]:
    """A sequence of steps: a few messages over a small pool of rows and ids, each sent once or more, in any order."""
    draw = random.Random(seed)
    first = seed * 10
    pool = [
        Patient(first + draw.randrange(6), name=int(draw.random() < 0.15), feverish=draw.random() > 0.1)
        for _ in range(draw.randint(2, 7))
    ]
    ids = [f"{seed}-{number}" for number in range(draw.randint(1, 4))]
    steps: list[Step] = []
    for _ in range(draw.randint(2, 5)):
        content: tuple[Patient, ...] | bytes = tuple(draw.choices(pool, k=draw.randint(0, 4)))
        if draw.random() < 0.1:
            content = draw.choice(GARBAGE)
        form = OTHER_FORM if draw.random() < 0.05 and isinstance(content, bytes) else FORM
        message = Delivery(draw.choice(SENDERS), draw.choice(ids), content, form)
        steps += [_fated(message, draw) for _ in range(draw.choice((1, 1, 2, 3)))]
        if isinstance(content, tuple) and len(content) > 1 and draw.random() < 0.3:
            cut = draw.randint(1, len(content) - 1)
            for part, rows in (("a", content[:cut]), ("b", content[cut:])):
                steps.append(_fated(Delivery(message.sender, f"{message.message_id}{part}", rows), draw))
        if draw.random() < 0.2:
            steps.append(Finish())
    if draw.random() < 0.7:
        draw.shuffle(steps)
    return [*steps, Finish()]


def _fated(message: Delivery, draw: random.Random) -> Delivery:
    fate: Fate = draw.choices(("answered", "killed before storing", "killed while storing"), (8, 1, 1))[0]
    return Delivery(message.sender, message.message_id, message.content, message.form, fate)


def body_of(delivery: Delivery) -> bytes:
    """The bytes of a delivery."""
    if isinstance(delivery.content, bytes):
        return delivery.content
    return json.dumps({"rows": [row_of(one) for one in delivery.content]}, ensure_ascii=False).encode()


def row_of(one: Patient) -> Mapping[str, str]:
    """A patient as the form wants one; without fever the temperature is one that nobody has."""
    order = one.number % 99 + 1
    born = f"19{10 + one.number // 99 % 90}{1 + one.number // 8910 % 12:02d}{1 + one.number // 106920 % 28:02d}"
    return symptom(
        1,
        name=f"{'张甲' if one.name == 0 else '王丙'}{one.number}",
        id_number=id_number(order, born=born),
        phone="",
        temperature="38.2" if one.feverish else "48",
    )


def expected(steps: Sequence[Step]) -> Ledger:
    """What the ledger must hold after these steps."""
    model = _Model()
    for step in steps:
        if isinstance(step, Delivery):
            model.held.answers.append(model.take(step))
        else:
            model.finish()
    model.held.people, model.held.conflicts = len(model.names), len(model.conflicts)
    return model.held


class _Model:
    def __init__(self) -> None:
        self.held = Ledger()
        self.names: dict[int, int] = {}
        self.conflicts: set[tuple[str, str, bytes]] = set()
        self.first: dict[tuple[str, str], Delivery] = {}
        self.waiting: list[tuple[str, str]] = []

    def take(self, sent: Delivery) -> int:
        """The answer to one attempt: the first content of an id is the message, whatever comes under it later."""
        key = (sent.sender, sent.message_id)
        known = self.first.setdefault(key, sent)
        if (body_of(known), known.form) != (body_of(sent), sent.form):
            self.conflicts.add((*key, body_of(sent)))
            return CONFLICT
        if self.held.messages.get(key, ("",))[0] == "processed":
            return REPEATED
        if sent.fate != "answered" and not isinstance(sent.content, bytes):
            self.waiting += [key] if key not in self.waiting else []
            return SILENCE
        self.store(key)
        return UNREADABLE if isinstance(sent.content, bytes) else STORED

    def finish(self) -> None:
        """What dead processes left is stored in the order it came."""
        while self.waiting:
            self.store(self.waiting[0])

    def store(self, key: tuple[str, str]) -> None:
        """Every row is stored, a duplicate, or quarantined: bad, or under an ID number of another name."""
        self.waiting = [one for one in self.waiting if one != key]
        content = self.first[key].content
        if isinstance(content, bytes):
            self.held.messages[key] = ("refused", 0, 0, 0, 0)
            return
        good = [(key[0], one) for one in content if one.feverish]
        fresh = [row for row in dict.fromkeys(good) if row not in self.held.rows]
        mine = [row for row in fresh if self.names.setdefault(row[1].number, row[1].name) == row[1].name]
        self.held.rows.update(mine)
        duplicate, quarantined = len(good) - len(fresh), len(content) - len(good) + len(fresh) - len(mine)
        self.held.messages[key] = ("processed", len(content), len(mine), duplicate, quarantined)


def smallest(steps: list[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """Leave out steps one by one as long as the rest still fails, so that a person can read what went wrong."""
    at = 0
    while at < len(steps):
        fewer = steps[:at] + steps[at + 1 :]
        if fails(fewer):
            steps = fewer
        else:
            at += 1
    return steps
