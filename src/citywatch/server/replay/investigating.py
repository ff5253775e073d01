"""The hands of a replay: what the procedure asks of the desks when a laboratory finds something, and nothing else.

A red proposal is verified after half an hour and its investigation opened; each case is interviewed when the folder
says so, and what tracing then answers is written down. Statistical proposals are left to whoever judges the desk.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime, timedelta

from citywatch.city.registry import queries as registry
from citywatch.city.trace import queries as trace_queries
from citywatch.city.trace import services as trace
from citywatch.city.trace.types import ContactTold, CoreTold, StayTold
from citywatch.city.warn import desk as warn_desk
from citywatch.city.warn import queries as warn_queries
from citywatch.city.warn import services as warn
from citywatch.city.warn.types import Sought
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.vault.types import Identity
from citywatch.server import wiring
from citywatch.server.replay.folder import Told

RANKED = "replay.ranked"
VERIFIES_AFTER = timedelta(minutes=30)
MOST_RANKED = 12  # interviews after which tracing is still asked what it says: the question is about the first few
_NAMED = 20
_ABILITIES = (
    "warn.view", "warn.triage", "trace.view", "trace.open", "trace.investigate", "vault.masked", "lab.view",
)  # fmt: skip


class Investigators:
    """Verify what the laboratory found, open investigations, interview."""

    def __init__(self, interviews: Sequence[Told], *, verifies: bool = True) -> None:
        """Without `verifies` people do the rest: a case is asked once its investigation has been opened."""
        self.interviews, self.verifies = interviews, verifies
        self._times = [one.at for one in interviews]
        self._waiting: list[Told] = []
        self._next = 0

    def due(self, after: datetime, until: datetime) -> Sequence[datetime]:
        first, last = bisect_right(self._times, after), bisect_right(self._times, until)
        return self._times[first:last]

    def act(self, at: datetime) -> None:
        by = machine("replay-desk", place=registry.city_place(), abilities=_ABILITIES)
        if self.verifies:
            self._verify(by, at)
        begin, self._next = self._next, bisect_right(self._times, at)
        self._waiting += self.interviews[begin : self._next]
        self._waiting = [one for one in self._waiting if not self._interview(one, by, at)]

    def _verify(self, by: Viewer, at: datetime) -> None:
        for row in warn_desk.inbox(by, Sought(level="red")).rows:
            if (row.facts.first_positive_at or row.facts.opened_at) <= at - VERIFIES_AFTER:
                warn.verify(row.facts.id, by=by, at=at, because="实验室阳性，已电话核实")
        for event in warn_queries.open_events(by):
            if trace_queries.investigation_for_event(event.id) is None:
                trace.open_investigation(event.id, by=by, at=at, because="事件已核实")
        wiring.catch_up()

    def _interview(self, told: Told, by: Viewer, at: datetime) -> bool:
        """Record one interview; False while its case is not registered or not yet under investigation."""
        case_id = trace_queries.case_by_barcode(told.case_ref)
        if case_id is None:
            return False
        if trace_queries.is_interviewed(told.case_ref):
            return True
        investigation = trace_queries.case(by, case_id).investigation_id
        if investigation is None and not self.verifies:
            return False
        record(told, by=by, at=at)
        if investigation is not None:
            self._ask(investigation, told.case_ref, by, at)
        return True

    def _ask(self, investigation: int, case_ref: str, by: Viewer, at: datetime) -> None:
        """Write down which places tracing now ranks first."""
        asked = Entry.objects.filter(kind=RANKED, body__investigation=investigation).count() + 1
        if asked > MOST_RANKED:
            return
        ranked = trace_queries.ranking(by, investigation)
        journal.record(
            RANKED, place=registry.city_place(), by=by, at=at, investigation=investigation, interviewed=asked,
            case_ref=case_ref, places=[one.code for one in ranked[:_NAMED]],
        )  # fmt: skip


def record(told: Told, *, by: Viewer, at: datetime) -> None:
    """Enter what one case told; its case must be registered."""
    case_id = trace_queries.case_by_barcode(told.case_ref)
    if case_id is None:
        raise LookupError(told.case_ref)
    trace.record_interview(
        case_id,
        stays=[StayTold(place_code=s["place_code"], from_at=s["from_at"], to_at=s["to_at"]) for s in told.stays],
        contacts=[
            ContactTold(
                identity=Identity(name=c["name"], id_number=c["id_number"], phone=c["phone"], address=c["address"]),
                kind=c["kind"],
                ground=c["ground"],
                first_at=c["first_at"],
                last_at=c["last_at"],
                place_code=c["place_code"],
            )
            for c in told.contacts
        ],
        core=CoreTold(onset_date=clock.day_of(told.onset) if told.onset else None),
        by=by,
        at=at,
    )
