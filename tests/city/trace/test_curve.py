"""The epidemic curve says of its last days what they will reach, and of the others what they are."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from citywatch.city.trace.queries.curve import LEAST_CASES, LONGEST_DELAY, curve, still_to_come

NOW = datetime(2020, 6, 20, 4, 0, tzinfo=UTC)
TODAY = date(2020, 6, 20)
USUAL = ((0, 6), (1, 3), (2, 1))
"""Of ten cases a day six are told on the day itself, three a day later, one after two."""


@dataclass
class Ill:
    reference_day: date | None
    reported_at: datetime
    classification: str = "confirmed"


def told(days=20, *, until=TODAY, today=TODAY, delays=USUAL):
    for back in range(days):
        day = until - timedelta(days=back)
        for delay, cases in delays:
            if day + timedelta(days=delay) <= today:
                yield from [(day, day + timedelta(days=delay))] * cases


def cases(pairs):
    return [Ill(day, datetime(on.year, on.month, on.day, 3, tzinfo=UTC)) for day, on in pairs]


def test_days_not_yet_complete_say_what_they_will_reach():
    drawn = curve(cases(told()), at=NOW)

    assert drawn["days"][-1] == "2020-06-20"
    assert drawn["series"][0]["values"][-3:] == [10, 9, 6]
    coming = drawn["coming"]
    assert coming["days"] == ["2020-06-19", "2020-06-20"]
    assert coming["expected"] == [10, 10]
    assert all(low <= 10 <= high for low, high in zip(coming["lower"], coming["upper"], strict=True))


def test_a_day_nobody_reported_yet_is_drawn_too_and_is_not_taken_for_empty():
    late = [(day, max(on, day + timedelta(days=1))) for day, on in told(delays=((1, 6), (2, 4)))]
    drawn = curve(cases(late), at=NOW)

    assert drawn["days"][-1] == "2020-06-20"
    assert drawn["series"][0]["values"][-1] == 0
    coming = drawn["coming"]
    assert coming["expected"][-1] > 0
    assert coming["lower"][-1] <= 10 <= coming["upper"][-1]


@pytest.mark.parametrize(
    "pairs",
    [
        list(told())[: LEAST_CASES - 1],
        list(told(until=TODAY - timedelta(days=LONGEST_DELAY + 1))),
        list(told(delays=((0, 6),))),
        [],
        [(TODAY, TODAY - timedelta(days=3))] * 20,
    ],
    ids=["too few", "long over", "nothing late", "nobody", "reported before they fell ill"],
)
def test_where_nothing_can_be_told_nothing_is_shaded(pairs):
    assert still_to_come(pairs, TODAY) is None
    assert "coming" not in curve(cases(pairs), at=NOW)


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng, held, asked = np.random.default_rng(7), 0, 0
    for _ in range(60):
        days = [TODAY - timedelta(days=int(back)) for back in rng.integers(0, 25, 150)]
        truth = [(day, day + timedelta(days=int(rng.poisson(2)))) for day in days]
        coming = still_to_come([pair for pair in truth if pair[1] <= TODAY], TODAY)
        whole = [day.isoformat() for day, _ in truth]
        for day, low, high in zip(coming["days"], coming["lower"], coming["upper"], strict=True):
            asked += 1
            held += low <= whole.count(day) <= high

    assert held / asked >= 0.9
