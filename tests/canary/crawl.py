"""Walks the addresses of a world as somebody, and reads every answer back to the rows and people it tells of."""

import io
import json
import random
import re
import shutil
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from django.apps import apps
from django.conf import settings
from django.db import transaction
from django.db.models import CharField
from django.test import Client
from tests.canary.acted_on import POSTS, Allows, Post, its_owner
from tests.canary.fields import FIELDS
from tests.canary.ground import DISTRICTS, KINDS, NAMES_FROM, PEOPLE_FROM, RANGE, Base, Told, first_of
from tests.canary.looked_at import ROUTES, Get
from tests.canary.oracle import Sight, may_see, on_paper, reach
from tests.canary.worlds import build, write_papers

from citywatch.mechanisms.journal.models import Entry

SHUT = {401, 403, 405, 422}
"""How a door answers whoever holds none of its abilities; an API reads a request before it asks who sent it."""
_AT_OPEN_DOORS = 0.9  # shut doors answer all alike
_NEARBY = 0.5
_AT_THE_EDGE = 0.5
_EDGES_SOUGHT = 3
_EMERGENCIES = 2
_LONG_ENOUGH = 16  # a short one stands in other words by chance
_LOOKS_NEAR = {
    "case": ("trace:case", "trace:interview", "GET /api/trace/cases/{case_id}"),
    "investigation": ("trace:investigation", "GET /api/trace/investigations/{investigation_id}"),
    "sample": ("lab:sample",),
}
_NEAR = ("number", "text")
_ROWS_SHOWN = 4  # so much oftener an address that tells of rows than one with figures alone
_RULES: dict[Allows, list[Post]] = {}
for _one in POSTS:
    _RULES.setdefault(_one.allows, []).append(_one)
REFUSED = {401, 403, 404, 405, 409, 422}
_WORD = re.compile(r"([xyL]?)(?<!\d)(\d{12})(?!\d)")
_PERSON = re.compile(r"(?<![\d.])(73\d{4})(?![\d.])")
_RARE = re.compile(f"([{chr(NAMES_FROM)}-{chr(NAMES_FROM + 200)}])(.?)")
_DEPTHS = {"": "number", "L": "number", "x": "text", "y": "history"}
_CHANGING = re.compile(
    r'name="(?:csrfmiddlewaretoken|token)" value="[^"]*"|nonce-[^\' ]+|nonce="[^"]*"|[xX]-?[cC][sS][rR][fF][^,}]*'
    r"|(?<=W3CDTF\">)[^<]*"
)
NOT_THERE = 999_999_000
"""Added to where a kind's numbers begin: a number nothing has."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, as bytes that can be compared and words that can be read."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def words(self) -> str:
        return "\n".join((*(value for _, value in self.headers), self.body))


@dataclass
class Found:
    """What a crawl did, and every sentence that says what went wrong."""

    worlds: int = 0
    asked: int = 0
    read: int = 0
    compared: int = 0
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def __iadd__(self, other: Self) -> Self:
        for name in ("worlds", "asked", "read", "compared", "refused"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.wrong += other.wrong
        self.statuses += other.statuses
        return self


class Crawler:
    """Whoever may ask, each with a client of theirs that stays signed in from world to world."""

    told: Told
    seed: int
    found: Found
    sights: dict[str, set[Sight]]
    never: dict[str, str]

    def __init__(self, base: Base) -> None:
        self.base = base
        self.machine = Client(raise_request_exception=False)
        self.clients = {}
        for account in base.accounts:
            client = Client(raise_request_exception=False)
            client.force_login(account)
            self.clients[f"account:{account.pk}"] = client

    def world(self, seed: int, *, looks: int, posts: int) -> Found:
        """Build a world, look and post in it as chance has it, and take it away again.

        A part of it, in one district, is written after a savepoint: undone, whoever can see nothing of it is answered
        the same once more, be it a count, the order of a list, a length, or the number of a row that is not there.
        """
        draw = random.Random(seed)
        self.seed, self.found = seed, Found(worlds=1)
        with transaction.atomic():
            self.told = build(draw, self.base)
            before = transaction.savepoint()
            hidden_from = self._somewhere_else(draw)
            self.never = dict(_never_told())
            heard = [(*asked, self._look(*asked)) for asked in list(self._pages(draw, looks))]
            for _ in range(posts):
                self._post(draw)
            transaction.savepoint_rollback(before)
            fresh_log()
            for who, get, url, answer in heard:
                if who in hidden_from and get.compared:
                    self.found.compared += 1
                    if (again := self._ask(who, url)) != answer:
                        told = f"answers {who} differently for what is hidden from them ({_difference(answer, again)})"
                        self._wrong(f"{get.name}: {url} {told}")
            transaction.set_rollback(True)
        fresh_log()
        return self.found

    def _wrong(self, sentence: str) -> None:
        self.found.wrong.append(f"{sentence} [world {self.seed}]")

    def _somewhere_else(self, draw: random.Random) -> set[str]:
        """Write more papers into one district; gives those from whom every one of them is hidden."""
        world = self.told.world
        everyone = [*self.clients, *self.told.tokens]
        already = {who: may_see(world, who) for who in everyone}
        district = draw.choice([*DISTRICTS])
        write_papers(draw, self.base, self.told, [district], order=1)
        self.sights = {who: may_see(world, who) for who in everyone}
        root = self.base.places[district].path

        def reaches(who: str) -> bool:
            paths = {path for held in reach(world, who).values() for path in held}
            return any(path.startswith(root) or root.startswith(path) for path in paths)

        return {who for who in everyone if self.sights[who] == already[who] and not reaches(who)}

    def _pages(self, draw: random.Random, looks: int) -> Iterator[tuple[str, Get, str]]:
        yield from self._around_emergencies(draw)
        yield from self._at_lost_doors(draw)
        for _ in range(looks):
            who = self._somebody(draw)
            held = reach(self.told.world, who)
            routes = self._asked_by(who)
            if draw.random() < _AT_OPEN_DOORS:
                routes = [one for one in routes if one.lets_in(held)]
            get = draw.choices(routes, [_ROWS_SHOWN if one.shows else 1 for one in routes])[0]
            number = self._number(draw, who, get.kind) if get.kind else 0
            yield who, get, get.path.replace("{n}", str(number)) + draw.choice(get.queries)

    def _around_emergencies(self, draw: random.Random) -> Iterator[tuple[str, Get, str]]:
        """A few looks around each case opened in an emergency, where chance would seldom come."""
        world, by_name = self.told.world, {one.name: one for one in ROUTES}
        for opened in draw.sample(world.openings, _EMERGENCIES):
            near = [("case", opened.case), *world.rows["case", opened.case].names]
            kind, number = draw.choice(near)
            get = by_name.get(draw.choice(_LOOKS_NEAR.get(kind, ("",))))
            if get is not None:
                yield opened.who, get, get.path.replace("{n}", str(number))

    def _at_lost_doors(self, draw: random.Random) -> Iterator[tuple[str, Get, str]]:
        """A look by somebody at an address that only a right they hold no longer, or not beside another, would open."""
        world = self.told.world
        lost = {who: on_paper(world, who) for who in (*self.clients, *self.told.tokens)}
        for who in draw.sample([who for who in lost if lost[who]], 1) if any(lost.values()) else ():
            held = reach(world, who)
            routes = [one for one in self._asked_by(who) if not one.lets_in(held) and one.doors & lost[who]]
            if routes:
                get = draw.choice(routes)
                number = self._number(draw, who, get.kind) if get.kind else 0
                yield who, get, get.path.replace("{n}", str(number))

    def _asked_by(self, who: str) -> list[Get]:
        """A machine's key opens the API alone."""
        return [one for one in ROUTES if who in self.clients or one.path.startswith("/api/")]

    def _somebody(self, draw: random.Random) -> str:
        """Anybody, and more often somebody who holds a right: to whoever holds none most doors are shut alike."""
        everyone = [*self.clients, *self.told.tokens]
        holders = [who for who in everyone if reach(self.told.world, who)]
        return draw.choice(holders if holders and draw.random() < _AT_OPEN_DOORS else everyone)

    def _number(self, draw: random.Random, who: str, kind: str) -> int:
        """A row's number: near what somebody sees, anywhere, or of nothing at all."""
        numbers = self.told.numbers[kind]
        near = [number for number in numbers if any((kind, number, depth) in self.sights[who] for depth in _NEAR)]
        return draw.choice(near if near and draw.random() < _NEARBY else [*numbers, first_of(kind) + NOT_THERE])

    def _look(self, who: str, get: Get, url: str) -> Answer:
        answer = self._ask(who, url)
        self.found.asked += 1
        if not get.lets_in(reach(self.told.world, who)) and answer.status not in SHUT:
            self._wrong(f"{get.name}: {url} answers {who}, who holds none of its abilities, {answer.status}")
        self._judge(who, get, url, answer)
        return answer

    def _ask(self, who: str, url: str) -> Answer:
        with transaction.atomic():
            answer = self.clients.get(who, self.machine).get(url, headers=self._key(who))
            body = read(answer)
            transaction.set_rollback(True)  # a look is on record too, and must not stand in what the next one sees
        return _answer(answer, body)

    def _key(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.told.tokens[who]}"} if who in self.told.tokens else {}

    def _post(self, draw: random.Random) -> None:
        """Whoever may not act on a row changes nothing, is told nothing, and hears the same as of a row not there."""
        at_edge = self._at_the_edge(draw) if draw.random() < _AT_THE_EDGE else None
        who, post, number = at_edge or self._anywhere(draw)
        absent = first_of(post.kind) + NOT_THERE
        if number == absent:
            return
        allowed = post.allows(self.told.world, who, self.told.world.rows[post.kind, number])
        answer, wrote = self._send(who, post, number)
        self.found.asked += 1
        self._judge(who, post, f"{post.path} of {number}", answer, opened=post.opens and allowed)
        if allowed:
            return
        self.found.refused += 1
        if wrote or (answer.status not in REFUSED and not post.names_the_refused):
            told = f"is answered {answer.status} and {wrote} entries are made"
            self._wrong(f"{post.name}: {who} may not act on {post.kind} {number}, {told}")
        if (post.kind, number, "text") not in self.sights[who]:
            self.found.compared += 1
            hidden, nothing = _without(answer, number), _without(self._send(who, post, absent)[0], absent)
            if hidden != nothing:
                told = _difference(hidden, nothing)
                self._wrong(f"{post.name}: {who} is answered differently for a hidden {post.kind} and none ({told})")

    def _anywhere(self, draw: random.Random) -> tuple[str, Post, int]:
        who = self._somebody(draw)
        post = draw.choice([one for one in POSTS if who in self.clients or one.path.startswith("/api/")])
        return who, post, self._number(draw, who, post.kind)

    def _at_the_edge(self, draw: random.Random) -> tuple[str, Post, int] | None:
        """Somebody near a row who may not act on it, though on others of its kind: no earlier door stops them."""
        for _ in range(_EDGES_SOUGHT):
            of_a_rule = _RULES[draw.choice([*_RULES])]  # so that a rule of one address has its turn too
            post = draw.choice(draw.choice((POSTS, of_a_rule)))
            rows = [self.told.world.rows[post.kind, number] for number in self.told.numbers.get(post.kind, ())]
            edge = []
            for who in self.clients if not post.path.startswith("/api/") else [*self.clients, *self.told.tokens]:
                allowed = {row.number: post.allows(self.told.world, who, row) for row in rows}
                hidden = post.allows is its_owner  # what is one person's is seen by nobody else: its place must not do
                near = [n for n in allowed if hidden or (post.kind, n, "text") in self.sights[who]]
                edge += [(who, n) for n in near if not allowed[n]] if any(allowed.values()) else []
            if edge:
                who, number = draw.choice(edge)
                return who, post, number
        return None

    def _send(self, who: str, post: Post, number: int) -> tuple[Answer, int]:
        """The answer, and how many entries of the journal it made before all was undone."""
        client, before = self.clients.get(who, self.machine), Entry.objects.count()
        text, url = json.dumps(post.body).replace("{n}", str(number)), post.path.replace("{n}", str(number))
        with transaction.atomic():
            if url.startswith("/api/"):
                answer = client.post(url, text, content_type="application/json", headers=self._key(who))
            else:
                answer = client.post(url, json.loads(text))
            body = read(answer)
            wrote = Entry.objects.count() - before
            transaction.set_rollback(True)
        client.cookies.pop("messages", None)  # what a page would have said next is undone too
        return _answer(answer, body), wrote

    def _judge(self, who: str, asked: Get | Post, url: str, answer: Answer, *, opened: bool = False) -> None:
        """Everything an answer tells of is the asker's to see, and declared for the address."""
        self.found.statuses[answer.status] += 1
        self.found.read += answer.status == 200
        if answer.status >= 500:
            self._wrong(f"{asked.name}: {url} breaks for {who} with {answer.status}")
        asked_for = set(re.findall(r"\d{12}", url))
        for kind, number, depth in set(sights(answer.words, self.told)):
            if (kind, number) not in self.told.world.rows and kind != "person":
                continue  # made by this very request
            echoed = depth == "number" and str(number) in asked_for
            if (kind, number, depth) not in self.sights[who] and not echoed:
                self._wrong(f"{asked.name}: {url} shows {who} the {depth} of {kind} {number}, which is not theirs")
            if not {kind, f"{kind}.{depth}"} & asked.shows and not echoed:
                self._wrong(f"{asked.name}: {url} is not declared to show the {depth} of a {kind}")
        self._judge_secrets(who, f"{asked.name}: {url}", answer.words, opened=opened)

    def _judge_secrets(self, who: str, where: str, words: str, *, opened: bool) -> None:
        """Nothing of what is told to nobody, and of no person their name; `opened` is a page that names its own."""
        for value, whose in self.never.items():
            if value in words:
                self._wrong(f"{where} tells {who} a {whose}, which nobody is told")
        for secret, person in self.told.whole.items():
            if not opened and secret in words:
                self._wrong(f"{where} tells {who} {secret!r} of person {person}")


def sights(words: str, told: Told) -> Iterator[Sight]:
    """What a text tells of, as the oracle names it."""
    for mark, digits in _WORD.findall(words):
        number = int(digits)
        index = number // RANGE - 100
        if 0 <= index < len(KINDS):
            yield KINDS[index], number, _DEPTHS[mark]
    for digits in _PERSON.findall(words):
        if PEOPLE_FROM < int(digits) < PEOPLE_FROM + 1000:
            yield "person", int(digits), "number"
    for first, _ in _RARE.findall(words):
        if first in told.people:
            yield "person", told.people[first], "masked"


def _never_told() -> Iterator[tuple[str, str]]:
    """The texts in the database that no answer may hold, each with the field it stands in."""
    for label, classes in FIELDS.items():
        model = apps.get_model(label)
        for name in classes.get("never", "").split():
            if isinstance(model._meta.get_field(name), CharField):
                for value in model._base_manager.values_list(name, flat=True).distinct():
                    if len(value) >= _LONG_ENOUGH:
                        yield value, f"{label}.{name}"


def read(answer: Any) -> str:
    """The words of an answer, also of a JSON text, a document or a workbook."""
    if answer.streaming and answer.is_async:  # a live desk tells one number and has no end
        return ""
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as packed:
            return "\n".join(packed.read(name).decode("utf-8", "replace") for name in sorted(packed.namelist()))
    text = body.decode("utf-8", "replace")
    if text.startswith(("{", "[")):
        return json.dumps(json.loads(text), ensure_ascii=False)
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)


def _answer(answer: Any, body: str) -> Answer:
    told = {k: v for k, v in answer.headers.items() if k != "Expires"}  # the moment of asking
    headers = tuple(sorted((k, _CHANGING.sub("", v)) for k, v in told.items()))
    return Answer(answer.status_code, headers, _CHANGING.sub("", body))


def _without(answer: Answer, number: int) -> Answer:
    """The same with a number taken out, to compare answers about two numbers."""
    headers = tuple((k, v.replace(str(number), "N")) for k, v in answer.headers)
    return Answer(answer.status, headers, answer.body.replace(str(number), "N"))


def _difference(one: Answer, other: Answer) -> str:
    if one.status != other.status:
        return f"{one.status} and {other.status}"
    if one.body == other.body:
        return f"headers {sorted(set(one.headers) ^ set(other.headers))[:3]}"
    at = next((i for i, (a, b) in enumerate(zip(one.body, other.body, strict=False)) if a != b), -1)
    return f"...{one.body[max(0, at - 60) : at + 40]!r} and ...{other.body[max(0, at - 60) : at + 40]!r}"


def fresh_log() -> None:
    """Begin an event log of its own: the old one remembers what was undone."""
    old = Path(settings.CITYWATCH_LOG)
    settings.CITYWATCH_LOG = Path(tempfile.mkdtemp(prefix="canary-log-", dir=settings.CITYWATCH_KEYS.parent))
    if old.name.startswith("canary-log-"):
        shutil.rmtree(old, ignore_errors=True)


def crawl(base: Base, seeds: Iterable[int], *, looks: int, posts: int) -> Found:
    """Crawl a world for each seed."""
    crawler, found = Crawler(base), Found()
    for seed in seeds:
        found += crawler.world(seed, looks=looks, posts=posts)
    return found
