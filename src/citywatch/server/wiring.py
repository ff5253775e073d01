"""Which journal entry wakes which reaction, on one screen. Upstream never learns who listens."""

from citywatch.city.lab import reactions as lab
from citywatch.city.registry.queries import city_place
from citywatch.city.respond import reactions as respond
from citywatch.city.sense import reactions as sense
from citywatch.city.trace import reactions as trace
from citywatch.city.warn import reactions as warn
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import reacting
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.journal.reacting import Reaction
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer

REACTIONS: dict[str, tuple[Reaction, ...]] = {
    "submitted.fever-clinic-visit": (sense.open_hold, lab.order_sample),
    "submitted.lab-result": (lab.record_result,),
    "submitted.report-card": (trace.card_arrived,),
    "lab.sample_report_negative": (sense.release_hold,),
    "lab.sample_report_positive": (sense.isolate, warn.propose_red, trace.register_case),
    "warn.event_verified": (respond.propose_incident,),
    "trace.case_registered": (respond.revise_levels,),
    "trace.case_discard": (respond.revise_levels,),
    "trace.case_classified": (respond.revise_levels,),
    "trace.case_taken_over": (respond.revise_levels,),
    "trace.risk_point_published": (respond.note_risk_point,),
}


def catch_up() -> int:
    """React to every entry not yet reacted to; reactions may cause entries that are reacted to in turn."""
    total = 0
    while seen := journal.follow(reacting.FOLLOWER, _react, kinds=REACTIONS.keys(), chunk=200):
        total += seen
    return total


def retry() -> int:
    """Try reactions that failed once more; returns how many now went well."""
    if not reacting.waiting():
        return 0
    known = {reacting.name_of(reaction): reaction for reactions in REACTIONS.values() for reaction in reactions}
    return reacting.retry(known, by=_reactions(), at=clock.now())


def _react(entries: list[Entry]) -> None:
    by = _reactions()
    for entry in entries:
        for reaction in REACTIONS[entry.kind]:
            reacting.attempt(reaction, entry, by=by)


def _reactions() -> Viewer:
    return machine("reactions", place=city_place(), abilities=[])
