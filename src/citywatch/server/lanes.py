"""Who is answered beside whom: machines, staff, people at the door and the public wait for none but their own kind.

Each kind has threads of its own and a line of bounded length; when the line is full the next is told at once to come
back (503, or 429 to one who alone asks too much at a time) and nothing of what it sent is kept. So a surge of reports
or of readers costs nobody else the page they need, and memory stays what it is. Xi'an's code fell over twice (20
December 2021, 4 January 2022) under more than ten times its former peak, with everything in one line.
"""

import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie

from django.conf import settings

from citywatch.mechanisms.labels import Label

Headers = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Lane:
    """One kind of asker: how many are answered at once, how many more may wait, and how many requests one may have."""

    code: str
    threads: int
    waiting: int
    each: int

    @property
    def room(self) -> int:
        return self.threads + self.waiting


MACHINES = Lane("machines", threads=16, waiting=240, each=8)
STAFF = Lane("staff", threads=8, waiting=120, each=24)
DOOR = Lane("door", threads=6, waiting=58, each=64)
PUBLIC = Lane("public", threads=2, waiting=62, each=64)
LANES = (MACHINES, STAFF, DOOR, PUBLIC)
THREADS = sum(lane.threads for lane in LANES)
"""Requests at once; others wait. A desk's open stream holds none of them."""
_AT_THE_DOOR = ("/accounts/", "/health")
_SOONEST, _LATEST = 2, 8
"""Seconds after which one turned away comes back: drawn, so that not all come back together."""
_FULL = Label(
    "系统繁忙，您的内容尚未接收；请稍候再试。", "The system is busy and has not taken this in; try again shortly."
)
_TOO_MANY = Label(
    "同时提交的请求过多，本次内容尚未接收；请等前面的请求得到答复后再发送。",
    "Too many requests of yours are under way and this one was not taken in; wait for the answers to the others.",
)


class TurnedAway(Exception):
    """There is no room for a request now; nothing of it was kept."""

    def __init__(self, status: int, sentence: Label) -> None:
        super().__init__(sentence.en)
        self.status = status
        self.sentence = sentence
        self.retry_after = random.randint(_SOONEST, _LATEST)  # noqa: S311 - spreads, guards nothing
        """Seconds until it is worth trying again."""


class Lanes:
    """The threads of every lane and who is in them. Belongs to one event loop."""

    def __init__(self) -> None:
        self.threads = {one.code: ThreadPoolExecutor(one.threads, thread_name_prefix=one.code) for one in LANES}
        self._inside: Counter[str] = Counter()
        self._of: Counter[str] = Counter()

    def refuse_full(self, lane: Lane, who: str) -> None:
        """Raise `TurnedAway` where one more has no room."""
        if who and self._of[who] >= lane.each:
            raise TurnedAway(429, _TOO_MANY)
        if self._inside[lane.code] >= lane.room:
            raise TurnedAway(503, _FULL)

    @contextmanager
    def a_place(self, lane: Lane, who: str) -> Iterator[ThreadPoolExecutor]:
        """Take a place in a lane for as long as an answer takes. Raises `TurnedAway`."""
        self.refuse_full(lane, who)
        self._inside[lane.code] += 1
        self._of[who] += 1
        try:
            yield self.threads[lane.code]
        finally:
            self._inside[lane.code] -= 1
            self._of[who] -= 1
            if not self._of[who]:
                del self._of[who]


def lane_of(path: str, headers: Headers) -> tuple[Lane, str]:
    """The lane of a request by what it carries, which nobody has checked yet, and who it is from ("" is unknown).

    A machine key in its header makes a machine, a session makes staff; of the rest some come to sign in.
    """
    told = {name: value for name, value in headers if name in {b"authorization", b"cookie"}}
    if key := told.get(b"authorization"):
        return MACHINES, _known_as(key)
    if session := _session(told.get(b"cookie", b"")):
        return STAFF, _known_as(session)
    return (DOOR if path.startswith(_AT_THE_DOOR) else PUBLIC), ""


def _known_as(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def _session(cookie: bytes) -> bytes:
    name = settings.SESSION_COOKIE_NAME
    if name.encode() not in cookie:
        return b""
    try:
        found = SimpleCookie(cookie.decode("latin-1")).get(name)
    except CookieError:
        return b""
    return found.value.encode("latin-1") if found else b""
