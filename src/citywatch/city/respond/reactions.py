"""What respond does when the areas upstream move. Each may be called twice for one entry and acts once."""

from citywatch.city.registry.queries import city_place
from citywatch.city.respond import queries, services
from citywatch.city.warn import queries as warn
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.jurisdiction.types import Viewer


def propose_incident(entry: Entry) -> None:
    """A verified event becomes an incident with a level proposed by rule."""
    event = warn.event_facts(entry.subject_id or 0)
    services.open_incident(
        event_id=event.id, place=entry.place, title=event.title, by=_system(), at=entry.at, because=entry.because
    )


def note_risk_point(entry: Entry) -> None:
    """A published risk point enters the incident's log and drafts four orders: close, seal the batch, swab, invite."""
    event_id = entry.body.get("event")
    if event_id is not None and entry.subject_id is not None:
        services.note_risk_point(
            event_id,
            risk_point=entry.subject_id,
            place_id=entry.place_id,
            by=_system(),
            at=entry.at,
            because=entry.because,
        )


def revise_levels(entry: Entry) -> None:
    """A new case may change what the rule proposes for the incidents that are open."""
    for incident in queries.open_incidents(_system()):
        services.revise_level(incident.id, by=_system(), at=entry.at)


def _system() -> Viewer:
    return machine("respond", place=city_place(), abilities=["respond.open", "respond.view"])
