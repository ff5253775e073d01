"""What a school's register of absences tells the desk: a week beyond the school's own level, and one class alone."""

from datetime import date, timedelta

import numpy as np
import pytest
from tests.city.reports import absence, message

from citywatch.city.registry.services import NewSite, add_sites
from citywatch.city.sense import queries
from citywatch.city.sense import services as sense
from citywatch.city.sense.types import ClassDay
from citywatch.city.warn.counting import Counted
from citywatch.city.warn.detectors import SCHOOL
from citywatch.city.warn.facts import reason_for
from citywatch.city.warn.judging import findings, told
from citywatch.city.warn.models import Proposal, Signal
from citywatch.city.warn.rules import rules_on
from citywatch.city.warn.services import watch
from citywatch.city.warn.types import Ground, SeriesKey
from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine

FRIDAY = date(2020, 6, 12)
RULES = rules_on(FRIDAY)
SCHOOL_CODE = "110106018-E01"


def register(week, *, usual=0.0, syndrome="vomiting", classes=()):
    """A school's series: `usual` a school day for six weeks, then this week's five days; weekends are closed."""
    days = [FRIDAY - timedelta(days=back) for back in range(44, -1, -1)]
    counts = np.array([[np.nan if day.weekday() > 4 else usual for day in days]])
    counts[0, -5:] = week
    key = SeriesKey("absence", syndrome, "site", 5)
    return Counted((key,), days[0], FRIDAY, counts, level="site", schools=frozenset({5}), classes=tuple(classes))


def of_school(counted):
    found, _ = findings([counted], RULES)
    return [one for one in told(found, RULES, Ground()) if one.family == SCHOOL]


def alike(group, *counts, syndrome="vomiting"):
    """So many of a class newly absent on each of the last days."""
    return [
        ClassDay(5, group, syndrome, FRIDAY - timedelta(days=back), n) for back, n in enumerate(reversed(counts)) if n
    ]


def test_five_absent_with_one_complaint_in_a_week_are_a_signal_where_that_is_unusual():
    (five,) = of_school(register([1, 1, 1, 1, 1]))

    assert (five.observed, five.look, five.key.by) == (5, "rule", "site")
    assert not of_school(register([1, 1, 1, 1, 0]))


def test_five_a_week_are_no_news_where_they_are_absent_every_week():
    assert not of_school(register([1, 1, 1, 1, 1], usual=1.0))
    assert of_school(register([4, 4, 4, 4, 4], usual=1.0))


def test_a_school_just_back_from_vacation_has_no_level_to_exceed():
    back = register([1, 1, 1, 1, 1])
    back.counts[0, :-12] = np.nan

    assert not of_school(back)


@pytest.mark.parametrize("counts", [(3,), (1, 2, 2)])
def test_three_of_a_class_in_a_day_or_five_in_three_days_are_enough_whatever_the_school_is_used_to(counts):
    usual = register([2, 2, 2, 2, 3], usual=2.0)

    assert not of_school(usual)
    assert of_school(register([2, 2, 2, 2, 3], usual=2.0, classes=alike("G3-2", *counts)))


def test_three_of_three_classes_are_no_class():
    scattered = [one for group in ("G1-1", "G2-1", "G3-1") for one in alike(group, 1)]

    assert not of_school(register([0, 0, 0, 0, 3], usual=1.0, classes=scattered))


def test_a_school_is_no_sample_of_its_street():
    counts = np.tile([1.0, 2.0, 1.0], 15)[np.newaxis, :]
    counts[0, -1] = 30
    days = (FRIDAY - timedelta(days=44), FRIDAY)

    def streets(stream):
        return findings([Counted((SeriesKey(stream, "fever", "reporting", 1),), *days, counts)], RULES)[0]

    assert streets("symptom")
    assert not streets("absence")


def test_two_rashes_of_a_class_within_a_week_are_a_signal():
    two = alike("K2-1", 1, 0, 0, 1, syndrome="rash")

    assert of_school(register([0, 1, 0, 0, 1], syndrome="rash", classes=two))
    assert not of_school(register([0, 1, 0, 0, 1], syndrome="rash", classes=alike("K2-1", 1, syndrome="rash")))
    assert not of_school(register([0, 1, 0, 0, 1], syndrome="vomiting", classes=alike("K2-1", 1, 0, 0, 1)))


# ── Through the door ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def school(city):
    add_sites(
        [NewSite(
            SCHOOL_CODE, "110106018", "school", "花乡第一小学", "Huaxiang School 1", 116.34, 39.81,
            institution_kind="school", streams=("absence",),
        )]
    )  # fmt: skip
    return Place.objects.get(code=SCHOOL_CODE)


@pytest.fixture
def send(school):
    by = machine("test-door", place=school, abilities=["sense.submit"])

    def register_of(day, *rows):
        at = start_of(day) + timedelta(hours=15)
        return sense.submit(
            "school-absence", message(*(absence(**{"absent_on": day.isoformat(), **row}) for row in rows)),
            channel="api", site=school, source="t", message_id=f"{day}-{len(rows)}", sent_at=at, by=by, at=at,
        )  # fmt: skip

    return register_of


def pupils(n, **more):
    return [{"list_no": str(order), **more} for order in range(1, n + 1)]


def evening(day=FRIDAY):
    return start_of(day) + timedelta(hours=19)


def test_three_pupils_of_a_class_vomiting_on_one_day_are_yellow_and_the_school_is_named(school, send):
    outcome = send(FRIDAY, *pupils(3))
    watch(at=evening())

    assert (len(outcome.stored), outcome.quarantined) == (3, 0)
    (signal,) = Signal.objects.all()
    assert (signal.family, signal.place, signal.observed) == (SCHOOL, school, 3)
    proposal = Proposal.objects.get()
    assert (proposal.level, proposal.place.code, proposal.streams) == ("yellow", "110106018", ["absence"])
    assert "花乡第一小学" in reason_for(proposal).zh
    assert "Huaxiang School 1" in reason_for(proposal).en


@pytest.mark.parametrize(
    "rows",
    [
        pupils(3, status="continuing"),
        pupils(3, symptoms=""),
        [*pupils(2), {"list_no": "1", "class_no": "3"}],
        pupils(3, symptoms="cough_throat"),
    ],
    ids=["on their second day", "without a complaint", "of two classes", "with a cough"],
)
def test_three_others_are_not(send, rows):
    send(FRIDAY, *rows)
    watch(at=evening())

    assert not Signal.objects.exists()


def test_what_a_school_sends_tomorrow_is_not_known_today(send):
    send(FRIDAY, *pupils(3))

    assert queries.class_days(FRIDAY, FRIDAY, at=start_of(FRIDAY) + timedelta(hours=14)) == []
    (told_later,) = queries.class_days(FRIDAY, FRIDAY, at=evening())
    assert (told_later.group, told_later.syndrome, told_later.count) == ("G3-2", "vomiting", 3)


# ── Who owes a register, and what it may say ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("day", "owed"),
    [
        (date(2020, 6, 12), True),
        (date(2020, 6, 13), False),
        (date(2020, 6, 25), False),
        (date(2020, 6, 28), True),
        (date(2020, 7, 20), False),
    ],
    ids=["Friday", "Saturday", "Dragon Boat", "make-up Sunday", "summer"],
)
def test_a_school_owes_a_register_on_the_days_it_is_open(school, viewers, day, owed):
    sites = queries.site_days(viewers["duty_officer"], day, day, at=start_of(day))

    assert ((SCHOOL_CODE, "absence") in {(one.code, one.stream) for one in sites}) is owed


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"list_no": "41"}, "above the 40 pupils of the class"),
        ({"onset_date": "2020-06-13"}, "after the day of absence"),
        ({"grade": "G13"}, "G13"),
        ({"class_no": ""}, "missing"),
    ],
)
def test_a_row_that_cannot_be_is_kept_aside_with_a_sentence(send, row, sentence):
    from citywatch.mechanisms.receipts.models import QuarantinedRow

    outcome = send(FRIDAY, {"list_no": "1"}, row)

    assert (len(outcome.stored), outcome.quarantined) == (1, 1)
    kept = QuarantinedRow.objects.get()
    assert sentence in f"{kept.__dict__}"


def test_two_pupils_of_a_class_with_the_same_complaint_are_two(send):
    assert len(send(FRIDAY, *pupils(2)).stored) == 2
    again = send(FRIDAY, *pupils(2), {"list_no": "3"})
    assert (len(again.stored), again.duplicate) == (1, 2)
