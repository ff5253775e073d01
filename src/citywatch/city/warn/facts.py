"""Rows as frozen facts with their words, shared by what changes them and what shows them."""

from collections.abc import Sequence

from citywatch.city.warn import rules, wording
from citywatch.city.warn.detectors import SCHOOL, SINGLE_CASE
from citywatch.city.warn.models import HealthEvent, Proposal, Signal
from citywatch.city.warn.types import EventFacts, ProposalFacts, SeriesKey, SignalFacts
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle.models import Clock


def label_of(row: Place | HealthEvent) -> Label:
    """The two names of a place, or the two titles of an event."""
    if isinstance(row, HealthEvent):
        return Label(row.title_zh, row.title_en)
    return Label(row.name_zh, row.name_en)


def key_of(signal: Signal) -> SeriesKey:
    """The series a stored signal is about."""
    return SeriesKey(signal.stream, signal.syndrome, signal.by, signal.place_id, signal.step)  # type: ignore[arg-type]


def signal_facts(signal: Signal, place: Label) -> SignalFacts:
    return SignalFacts(
        id=signal.pk,
        key=key_of(signal),
        family=signal.family,
        detectors=tuple(signal.detectors),
        first_day=signal.first_day,
        last_day=signal.last_day,
        observed=signal.observed,
        expected=signal.expected,
        upper=signal.upper,
        p=signal.p,
        score=signal.score,
        stream=wording.stream_words(signal.stream),
        syndrome=wording.syndrome_words(signal.syndrome, signal.last_day),
        place=place,
    )


def reason_for(proposal: Proposal, signals: Sequence[Signal] | None = None) -> Label:
    """The why sentence of a proposal."""
    rows = list(proposal.signals.select_related("place")) if signals is None else signals
    return wording.why(
        label_of(proposal.place),
        [signal_facts(signal, label_of(signal.place)) for signal in rows],
        positives=len(proposal.positives),
        first_positive_at=proposal.first_positive_at,
        hazard=proposal.hazard,
    )


def reason_for_level(proposal: Proposal, signals: Sequence[Signal]) -> Label:
    """Why a proposal has its level: the rules are those of the day it was raised."""
    single = next((signal for signal in signals if signal.family == SINGLE_CASE), None)
    return wording.level_words(
        proposal.level,
        hazard=wording.hazard_words(proposal.hazard, proposal.last_day),
        positives=len(proposal.positives),
        single_case=wording.syndrome_words(single.syndrome, single.last_day) if single else None,
        schools=len({signal.place_id for signal in signals if signal.family == SCHOOL}),
        streams=proposal.streams,
        hours=rules.rules_on(day_of(proposal.opened_at)).episode.fusion_hours,
    )


def proposal_facts(
    proposal: Proposal, *, signals: Sequence[Signal], clock: Clock | None, event_id: int | None
) -> ProposalFacts:
    return ProposalFacts(
        id=proposal.pk,
        place_id=proposal.place_id,
        place_code=proposal.place.code,
        place=label_of(proposal.place),
        level=proposal.level,  # type: ignore[arg-type]
        state=proposal.state,
        state_label=proposal.state_label,
        hazard=proposal.hazard,
        streams=tuple(proposal.streams),
        positives=len(proposal.positives),
        first_positive_at=proposal.first_positive_at,
        opened_at=proposal.opened_at,
        due_at=clock.due_at if clock else None,
        score=proposal.score,
        why=reason_for(proposal, signals),
        event_id=event_id,
    )


def event_facts(event: HealthEvent) -> EventFacts:
    return EventFacts(
        id=event.pk,
        place_id=event.place_id,
        hazard=event.hazard,
        level=event.level,  # type: ignore[arg-type]
        title=label_of(event),
        verified_at=event.verified_at,
        first_positive_at=event.first_positive_at,
        proposal_id=event.proposal_id,
        state=event.state,
    )
