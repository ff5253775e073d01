"""Whoever always reported and does no more is told of on the desk, in the district concerned, until heard again."""

from datetime import date, timedelta

import pytest
from tests.conftest import NOON

from citywatch.city.sense import jobs, silence
from citywatch.city.sense import services as sense
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.receipts.models import Receipt

pytestmark = pytest.mark.django_db
LAST = date(2020, 6, 10)
"""The last day whose returns are due at noon of the eleventh."""


@pytest.fixture
def report(viewers):
    """Zero or a number for a stream of the pharmacy or of the clinic, of the day so many days before the last due."""

    def report(code, stream, who, back):
        site = Place.objects.get(code=code)
        day = LAST - timedelta(days=back)
        at = clock.start_of(day) + timedelta(hours=20)
        sense.zero_report(site, stream=stream, day=day.isoformat(), by=viewers[who], at=at)

    return report


@pytest.fixture
def pharmacy(report):
    return lambda *days: [report("110106018-P01", "pharmacy", "pharmacist", back) for back in days]


@pytest.fixture
def at(monkeypatch):
    def at(**later):
        monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(**later))
        return jobs.notice_silence()

    return at


def told():
    return list(Entry.objects.filter(kind__in=silence.KINDS).order_by("pk").values_list("kind", "place__code"))


def test_the_second_day_without_a_word_is_told_once_in_the_district_and_ends_when_heard(pharmacy, at, client_as):
    pharmacy(*range(1, 31))
    assert at() == 0, "one day may be late"
    assert at(days=1) == 1
    assert at(days=1, hours=3) == 1
    assert told() == [("sense.quiet", "110106")]

    desk = client_as("duty_officer").get("/warn/", headers={"accept-language": "zh"}).content.decode()
    assert "1个报送来源异常：花乡平安药店" in desk
    assert "2天无报送" in desk
    page = client_as("investigator").get("/sense/coverage/").content.decode()
    assert "报送异常的来源" in page
    assert "2020-06-09" in page, "the last day heard of"
    other = client_as("investigator_xicheng").get("/sense/coverage/").content.decode()
    assert "报送异常的来源" not in other

    pharmacy(0)
    pharmacy(-1)
    assert at(days=1, hours=4) == 0
    assert told() == [("sense.quiet", "110106"), ("sense.heard", "110106")]
    assert "报送来源异常" not in client_as("duty_officer").get("/warn/").content.decode()


def test_a_place_whose_visits_stop_coming_is_told_of(at, city):
    gate = Place.objects.get(code="110106018-H01")
    for back in range(1, 31):
        came = clock.start_of(LAST - timedelta(days=back)) + timedelta(hours=9)
        for turn in range(1 + back % 3):
            Receipt.objects.create(
                source="gate", message_id=f"{back}-{turn}", channel="json", form="visits", digest="x", sealed=b"",
                place=gate, received_at=came, sent_at=came, state="processed",
            )  # fmt: skip
    assert at() == 0
    assert at(days=1) == 1
    (one,) = Entry.objects.get(kind="sense.quiet").body["sources"]
    assert one[:4] == ["110106018-H01", "visits", "silent", 2]


def test_a_city_without_sources_has_nothing_to_say(at, city):
    assert at() == 0
    assert told() == []
