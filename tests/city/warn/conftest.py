"""Days of reports as the journal holds them: what the exporter brings to the log, without the detour over forms."""

from datetime import date, timedelta
from itertools import count as numbers

import pytest

from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine

TODAY = date(2020, 6, 11)
EVENING = timedelta(hours=18)
FORMS = {
    "symptom": "symptom-registration",
    "fever": "fever-clinic-visit",
    "pharmacy": "pharmacy-sale",
    "card": "report-card",
}
CLINIC, PHARMACY, HOSPITAL = "110106018-C01", "110106018-P01", "110106018-H01"
STATION, XICHENG = "110106024-S01", "110102009-K01"


@pytest.fixture
def send(city):
    """`send(site, stream, day, n, finding)`: n reports of one finding, known that evening or `at` another moment."""
    door = machine("test-door", place=city, abilities=[])
    number = numbers(1)
    places = {place.code: place for place in Place.objects.all()}

    def reports(site, stream, day, n, finding="", *, at=None, home=None, corrects=0):
        rows = [_body(stream, day, finding, home=home, corrects=corrects) for _ in range(n)]
        rows = rows or [_body(stream, day, "", home=None, corrects=corrects, count=0)]
        drafts = [
            journal.Draft(
                f"submitted.{FORMS[stream]}" if body["count"] else "submitted.zero-report",
                places[site], at or start_of(day) + EVENING, "", "forms.submission", next(number), body,
            )
            for body in rows
        ]  # fmt: skip
        return [entry.subject_id for entry in journal.record_many(drafts, by=door)]

    return reports


def _body(stream, day, finding, *, home, corrects, count=1):
    return {
        "stream": stream, "findings": [finding] if finding else [], "person_id": None, "home_place": home,
        "occurred_on": day, "corrects": corrects, "count": count,
    }  # fmt: skip


@pytest.fixture
def quiet(send):
    """`quiet(site, stream, finding, counts)`: ordinary days that end the day before yesterday's eve."""

    def days(
        site, stream, finding, counts=(2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1), *, until=TODAY - timedelta(days=1), **more
    ):
        for back, n in enumerate(reversed(counts)):
            send(site, stream, until - timedelta(days=back), n, finding, **more)

    return days


@pytest.fixture
def evening():
    """19:00 Beijing on 11 June 2020, an hour after the day's reports."""
    return start_of(TODAY) + timedelta(hours=19)


@pytest.fixture
def fever_in_huaxiang(send, quiet, evening):
    """A jump of fever at the health centre of Huaxiang, watched: one blue proposal."""
    from citywatch.city.warn.models import Proposal
    from citywatch.city.warn.services import watch

    quiet(CLINIC, "symptom", "fever")
    send(CLINIC, "symptom", TODAY, 9, "fever")
    watch(at=evening)
    return Proposal.objects.get()
