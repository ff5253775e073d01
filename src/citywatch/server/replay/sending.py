"""Sending what a city sent, in the order it was sent, through a real system's doors, with detection as time passes.

One engine for `citywatch replay`, the drill and the demo. Messages go through the bulk door under the ids they were
sent with, so sending anything twice stores nothing twice; the messages between two detection runs share a transaction.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Literal, Protocol

from citywatch.city.registry import queries as registry
from citywatch.city.sense.visits import take_visits
from citywatch.city.warn import services as warn
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.forms.services import Message as Incoming
from citywatch.mechanisms.forms.services import submit_messages
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.server import forms, jobs, wiring
from citywatch.server.replay.folder import Message

Pace = Literal["nightly", "hourly", "quarter", "near"]
NIGHTLY = timedelta(hours=23, minutes=45)
QUARTER, HOUR = timedelta(minutes=15), timedelta(hours=1)
NEAR = timedelta(days=3)
_AT_ONCE = 500
LAB = "lab-result"
Progress = Callable[[datetime], None]


class Feed(Protocol):
    """What a city sends: messages and visits by day of sending; a day's visits go at its midnight."""

    def messages(self, day: date) -> Sequence[Message]: ...

    def visits(self, day: date) -> bytes | None: ...


class Hands(Protocol):
    """Whoever works the desks meanwhile."""

    def due(self, after: datetime, until: datetime) -> Sequence[datetime]:
        """Moments at which there is something to do besides those after each detection run."""

    def act(self, at: datetime) -> None:
        """Do what is due at a moment."""


class NoHands:
    """Nobody is there: proposals wait."""

    def due(self, after: datetime, until: datetime) -> Sequence[datetime]:
        del after, until
        return ()

    def act(self, at: datetime) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Watching:
    """When detection runs: nightly, every hour, every quarter, or nightly and hourly near a grave alarm.

    From `close` on it is every quarter whatever the pace. Near means within three days of a proposal raised or lifted
    to orange or red.
    """

    pace: Pace = "near"
    close: datetime | None = None

    def moments(self, day: date, *, near: bool) -> Iterator[datetime]:
        """The moments of a day at which to run."""
        start = clock.start_of(day)
        step = {"nightly": None, "hourly": HOUR, "quarter": QUARTER, "near": HOUR if near else None}[self.pace]
        moment = start
        while moment < start + timedelta(days=1):
            regular = step is not None and (moment - start) % step == timedelta()
            if regular or moment == start + NIGHTLY or (self.close is not None and moment >= self.close):
                yield moment
            moment += QUARTER


@dataclass
class Sender:
    """Sends a feed into this system."""

    feed: Feed
    watching: Watching = field(default_factory=Watching)
    hands: Hands = field(default_factory=NoHands)
    near_until: datetime | None = None
    asked: bool = False
    """Whether somebody asks where people have been: visits are then laid out for it each night, else at the end."""

    @cached_property
    def places(self) -> dict[str, Place]:
        return {place.code: place for place in Place.objects.all()}

    def send(self, *, after: datetime, until: datetime, progress: Progress | None = None) -> int:
        """Send everything due in (after, until], detecting as it goes; returns how many messages there were.

        City time stands at `until` afterwards (never earlier than it was).
        """
        sent = 0
        day = clock.day_of(after)
        while clock.start_of(day) <= until:
            sent += self._day(day, after=after, until=until)
            day += timedelta(days=1)
            reached = min(until, clock.start_of(day))
            move_to(reached)
            if progress:
                progress(reached)
        wiring.catch_up()
        export.catch_up()
        return sent

    def _day(self, day: date, *, after: datetime, until: datetime) -> int:
        """One day's part of (after, until]."""
        begin, end = max(after, clock.start_of(day) - timedelta.resolution), min(until, _last_of(day))
        messages = [one for one in self.feed.messages(day) if begin < one.at <= end]
        if after < clock.start_of(day) <= until:
            self._visits(day - timedelta(days=1), at=clock.start_of(day))
        reached, done = begin, 0
        while reached < end:
            stop = self._next_stop(day, reached, end)
            due = stop or end
            run = self._run(messages, done, due)
            self._messages(run)
            done += len(run)
            if run and _may_be_positive(run[-1]):
                reached = max(reached, run[-1].at - timedelta.resolution)  # a stop at that very moment still comes
                wiring.catch_up()
                self._look_closer(run[-1].at)  # a positive may bring the next stop nearer
                if not self.asked:  # its case will be investigated
                    self.asked = True
                    jobs.lay_out_visits(day - timedelta(days=1))
            elif len(run) < _AT_ONCE:
                reached = due
                if stop is not None:
                    self._stop(stop, day)
        return len(messages)

    def _next_stop(self, day: date, after: datetime, until: datetime) -> datetime | None:
        """The next moment at which something other than sending happens."""
        runs = self.watching.moments(day, near=self.near_until is not None and after < self.near_until)
        return min((one for one in (*runs, *self.hands.due(after, until)) if after < one <= until), default=None)

    @staticmethod
    def _run(messages: Sequence[Message], start: int, until: datetime) -> Sequence[Message]:
        """The next messages to send together: up to a moment, or with the first positive result among them."""
        end = start
        while end < len(messages) and messages[end].at <= until and end - start < _AT_ONCE:
            end += 1
            if _may_be_positive(messages[end - 1]):
                break
        return messages[start:end]

    def _messages(self, messages: Sequence[Message]) -> None:
        if messages:
            submit_messages([self._let_in(message) for message in messages])

    def _let_in(self, message: Message) -> Incoming:
        site = self.places.get(message.site)
        if site is None:
            raise Refusal(
                f"Message {message.message_id}: this system has no site {message.site}; replay into an empty one."
            )
        abilities = ["sense.submit", *(["lab.result"] if message.form == LAB else [])]
        try:
            return forms.message(
                message.form, message.body, channel="api", site=site, source=site.code, message_id=message.message_id,
                sent_at=message.at, by=machine(f"sender:{site.code}", place=site, abilities=abilities), at=message.at,
            )  # fmt: skip
        except NotFound as error:
            raise Refusal(f"Message {message.message_id}: {error.sentence}") from error

    def _visits(self, day: date, *, at: datetime) -> None:
        body = self.feed.visits(day)
        if body is None:
            return
        root = registry.city_place()
        by = machine("visit-feed", place=root, abilities=["sense.submit"])
        take_visits(body, site=root, source="visit-feed", message_id=f"visits-{day.isoformat()}", by=by, at=at)

    def _stop(self, moment: datetime, day: date) -> None:
        """React to what came, look at the city if it is time, and let the hands act."""
        wiring.catch_up()
        near = self.near_until is not None and moment < self.near_until
        if moment in set(self.watching.moments(day, near=near)):
            warn.watch(at=moment)
            if moment == clock.start_of(day) + NIGHTLY:
                jobs.merge_days(day)
                if self.asked:
                    jobs.lay_out_visits(day)
            self._look_closer(moment)
        self.hands.act(moment)

    def _look_closer(self, moment: datetime) -> None:
        if self.watching.pace == "near" and grave_since(moment - NEAR, moment):
            self.near_until = moment + NEAR


def grave_since(since: datetime, until: datetime) -> bool:
    """Whether the machine raised a proposal to orange or red in a span."""
    found = Entry.objects.filter(at__gt=since, at__lte=until)
    grave = ("orange", "red")
    return (
        found.filter(kind="warn.proposal_raised", body__level__in=grave).exists()
        or found.filter(kind="warn.proposal_level_raised", body__after__in=grave).exists()
    )


def _may_be_positive(message: Message) -> bool:
    """Whether a message tells of a positive sample: what it wakes must not wait for the messages behind it."""
    return message.form == LAB and b'"positive"' in message.body


def move_to(moment: datetime) -> None:
    """Bring city time to a moment, unless it is past it already."""
    if moment > clock.now():
        clock.set_to(moment)


def _last_of(day: date) -> datetime:
    return clock.start_of(day + timedelta(days=1)) - timedelta.resolution
