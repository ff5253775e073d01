"""An event verified in Fengtai, as the duty desk leaves it."""

import pytest
from tests.conftest import NOON


@pytest.fixture
def verified(city, viewers):
    """A red proposal of COVID-19 in the market's street, verified; gives the journal's entry."""
    from citywatch.city.warn import services as warn
    from citywatch.mechanisms.journal.models import Entry

    proposal = warn.raise_red(hazard="covid-19", sample_id=1, street_code="110106018", at=NOON)
    warn.verify(proposal, by=viewers["duty_officer"], at=NOON, because="实验室复核阳性")
    return Entry.objects.get(kind="warn.event_verified")


@pytest.fixture
def incident(verified, at_noon):
    """The incident that the event opens on its own."""
    from citywatch.city.respond import reactions
    from citywatch.city.respond.models import Incident

    reactions.propose_incident(verified)
    return Incident.objects.get()


@pytest.fixture
def register(city, viewers):
    """Register a case of COVID-19 in a district, as tracing journals it."""
    from citywatch.mechanisms.journal import services as journal
    from citywatch.mechanisms.jurisdiction.models import Place

    numbers = iter(range(1, 100))

    def case(district="110106", at=NOON):
        number = next(numbers)
        journal.record_many(
            [
                journal.Draft(
                    "trace.case_registered",
                    Place.objects.get(code=district),
                    at,
                    subject_kind="trace.case",
                    subject_id=number,
                    body={"hazard": "covid-19"},
                )
            ],
            by=viewers["investigator"],
        )
        return number

    return case


@pytest.fixture
def publish_point(verified, viewers):
    """Publish a hall of the market as a risk point, as tracing journals it; gives the entry."""
    from citywatch.mechanisms.journal import services as journal
    from citywatch.mechanisms.jurisdiction.models import Place

    def publish(cases=0, number=7):
        draft = journal.Draft(
            "trace.risk_point_published",
            Place.objects.get(code="110106018-M01-2"),
            NOON,
            because="病例共同暴露",
            subject_kind="trace.riskpoint",
            subject_id=number,
            body={"event": verified.subject_id, "investigation": 1, "figures": {"cases": cases}},
        )
        return journal.record_many([draft], by=viewers["duty_officer"])[0]

    return publish
