"""A day of an outbreak as the journal holds it."""

from datetime import timedelta

import pytest
from tests.conftest import NOON


@pytest.fixture
def happened(city, viewers):
    """Journal one entry of any kind about a numbered subject at a place, some hours before (or after) noon."""
    from citywatch.mechanisms.journal import services as journal
    from citywatch.mechanisms.jurisdiction.models import Place

    def entry(kind, number, *, place="110106018", hours=0.0, model="", **body):
        draft = journal.Draft(
            kind,
            Place.objects.get(code=place),
            NOON + timedelta(hours=hours),
            subject_kind=model or kind.rsplit("_", 1)[0],
            subject_id=number,
            body=body,
        )
        return journal.record_many([draft], by=viewers["duty_officer"])[0]

    return entry


@pytest.fixture
def reported(happened):
    """Journal a submission of a stream as sense does."""

    def submission(number, *, stream="symptom", place="110106018-C01", day="2020-06-11", count=1, hours=0.0):
        return happened(
            f"submitted.{stream}",
            number,
            place=place,
            hours=hours,
            model="forms.submission",
            stream=stream,
            findings=["fever"] if count else [],
            person_id=None,
            occurred_on=day,
            home_place="",
            corrects=0,
            count=count,
        )

    return submission


@pytest.fixture
def outbreak(happened, reported):
    """Six positives and cases in Fengtai over two days, two in Xicheng, a discarded case, orders and a risk point."""
    for number in range(1, 7):
        happened("lab.sample_report_positive", number, place="110106018-H01", hours=-number)
        happened("trace.case_registered", number, place="110106", hours=-number)
    happened("lab.sample_report_positive", 6, place="110106018-H01", hours=-1)
    for number in (7, 8):
        happened("trace.case_registered", number, place="110102", hours=-20)
    happened("trace.case_registered", 9, place="110102", hours=-30 * 24)
    happened("trace.case_registered", 10, place="110106", hours=-3)
    happened("trace.case_discard", 10, place="110106", hours=-1)
    happened("trace.risk_point_published", 1, place="110106018-M01-2", hours=-0.5, figures={})
    happened("respond.order_issue", 1, place="110106", hours=-0.4)
    happened("respond.order_issue", 2, place="110000", hours=-0.4)
    happened("respond.order_sign", 1, place="110106", hours=-0.2)
    happened("sense.hold_opened", 1, place="110106018-H01", hours=-5)
    happened("sense.hold_opened", 2, place="110106018-H01", hours=-4)
    happened("sense.hold_release", 1, place="110106018-H01", hours=-2)
    for number in range(1, 8):
        reported(number, day=f"2020-06-{number + 3:02d}", count=2, hours=-24)
    reported(8, count=5, hours=-1)
    reported(9, stream="fever", place="110106018-H01", count=0, day="2020-06-10", hours=-2)


@pytest.fixture
def running(outbreak, viewers):
    """A verified event with issued orders, a red proposal, and a source-lock clock that began eight hours ago."""
    from citywatch.city.respond import reactions, services
    from citywatch.city.respond.models import Incident
    from citywatch.city.warn import services as warn
    from citywatch.mechanisms.journal.models import Entry
    from citywatch.mechanisms.lifecycle.services import start_clock

    proposal = warn.raise_red(hazard="covid-19", sample_id=1, street_code="110106018", at=NOON)
    warn.verify(proposal, by=viewers["duty_officer"], at=NOON, because="复核阳性")
    reactions.propose_incident(Entry.objects.get(kind="warn.event_verified"))
    incident = Incident.objects.get()
    services.decide_level(incident.pk, "III", by=viewers["commander"], at=NOON, because="从严")
    services.issue_orders(incident.pk, by=viewers["commander"], at=NOON - timedelta(minutes=40))
    start_clock("source-lock", incident, at=NOON - timedelta(hours=8))
    warn.raise_red(hazard="0200", sample_id=2, street_code="110102009", at=NOON)
    return incident
