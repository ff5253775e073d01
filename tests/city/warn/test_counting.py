"""The counts a run adds up from pieces kept beside the log are those one query over the whole log gives."""

from datetime import timedelta

import numpy as np
import pytest
from tests.city.warn.conftest import CLINIC, HOSPITAL, PHARMACY, STATION, TODAY, XICHENG

from citywatch.city.warn import cells, counting
from citywatch.city.warn.types import SeriesKey
from citywatch.eventlog.expressions import daily_counts, table
from citywatch.mechanisms.clock import day_of, start_of
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place

FIRST = TODAY - timedelta(days=44)


def pk(code):
    return Place.objects.get(code=code).pk


def evening_of(day, hours=19):
    return start_of(day) + timedelta(hours=hours)


def in_one_query(at, by, column):
    """Every series by one query over the log, the specification: only where something was reported."""
    asked = daily_counts(
        table("counts"), by=("stream", "syndrome", column), as_of=at, first_day=FIRST, last_day=day_of(at)
    )
    found = export.engine().run(asked, export.store().pin())
    told = {}
    for stream, syndrome, place, day, number in zip(*(column.tolist() for column in found.values()), strict=True):
        if number and place:
            told[SeriesKey(stream, syndrome, by, place), day] = number
    return told


def added_up(counted, by):
    rows, days = np.nonzero(np.nan_to_num(counted.counts))
    return {
        (counted.keys[row], counted.day(day)): counted.counts[row, day]
        for row, day in zip(rows.tolist(), days.tolist(), strict=True)
        if counted.keys[row].by == by
    }


@pytest.fixture
def busy(send):
    """Two weeks of reports from everywhere, some late, some corrected, some moved to another day."""
    draws = np.random.default_rng(4)
    sent = []
    for back in range(14, 0, -1):
        day = TODAY - timedelta(days=back)
        for site, stream, finding in (
            (CLINIC, "symptom", "fever"), (STATION, "symptom", "rash"), (PHARMACY, "pharmacy", "cough"),
            (HOSPITAL, "fever", "fever"), (XICHENG, "symptom", "fever"), (HOSPITAL, "card", "4000"),
        ):  # fmt: skip
            n = int(draws.poisson(2))
            behind = timedelta(days=int(draws.integers(1, 4)))
            late = {"at": evening_of(day + behind, 9)} if draws.random() < 0.2 else {}
            home = "110106024" if draws.random() < 0.5 else None
            ids = send(site, stream, day, n, finding, home=home, **late)
            sent += [(one, site, stream, day) for one in ids if n]
    for one, site, stream, day in [sent[i] for i in draws.choice(len(sent), 8, replace=False)]:
        moved = day - timedelta(days=int(draws.integers(0, 3)))
        send(site, stream, moved, 1, "fever" if stream == "symptom" else "other", corrects=one, at=evening_of(TODAY, 8))
    export.catch_up()


@pytest.mark.parametrize("when", [evening_of(TODAY), evening_of(TODAY, 7), evening_of(TODAY - timedelta(days=5), 12)])
def test_what_is_added_up_from_pieces_is_what_one_query_counts(busy, when):
    version = export.store().pin()
    for _ in ("counted", "taken from what was kept"):
        streets, sites, _ = counting.count_all(when, version=version).counted

        assert added_up(streets, "reporting") == in_one_query(when, "reporting", "street")
        assert added_up(streets, "home") == in_one_query(when, "home", "home_street")
        assert added_up(sites, "site") == in_one_query(when, "site", "place")
    assert len(added_up(sites, "site")) > 30


def test_weeks_are_the_days_of_seven_added_up(busy):
    at = evening_of(TODAY)
    weeks = counting.count_weeks(at)
    days = in_one_query(at, "district", "district")
    by_week = {}
    for (key, day), number in days.items():
        if key.stream == "card":
            monday = day - timedelta(days=day.weekday())
            week = (SeriesKey(key.stream, key.syndrome, "district", key.place_id, "week"), monday)
            by_week[week] = by_week.get(week, 0) + number

    assert added_up(weeks, "district") == by_week
    assert by_week


def recounted(at):
    return cells.cells(cells.DAILY, at=at, first=FIRST, version=export.store().pin()).recounted


def test_a_quarter_of_an_hour_later_only_today_is_counted_again(busy, send):
    at = evening_of(TODAY)
    first = recounted(at)
    assert first > 10
    assert recounted(at) == 0

    send(CLINIC, "symptom", TODAY, 3, "fever", at=at + timedelta(minutes=5))
    export.catch_up()

    assert recounted(at + timedelta(minutes=15)) == 1


def test_a_correction_recounts_the_day_it_reaches_and_no_other(send, quiet):
    quiet(CLINIC, "symptom", "fever")
    then = TODAY - timedelta(days=6)
    (wrong,) = send(CLINIC, "symptom", then, 1, "fever", at=evening_of(then, 20))
    export.catch_up()
    at = evening_of(TODAY)
    before = counting.count(at).row(SeriesKey("symptom", "fever", "reporting", pk("110106018")))
    send(CLINIC, "symptom", then, 1, "rash", corrects=wrong, at=evening_of(TODAY, 18))
    export.catch_up()

    assert recounted(at) == 2  # the day of the report and the day of its correction
    after = counting.count(at).row(SeriesKey("symptom", "fever", "reporting", pk("110106018")))
    assert (before - after)[-7] == 1
    assert np.nansum(before - after) == 1


def test_a_look_at_the_past_does_not_spoil_what_is_kept_for_the_present(busy):
    at = evening_of(TODAY)
    now = added_up(counting.count(at), "reporting")
    morning = evening_of(TODAY - timedelta(days=4), 10)  # that day's own reports came at six

    assert added_up(counting.count(morning), "reporting") == in_one_query(morning, "reporting", "street")
    assert added_up(counting.count(at), "reporting") == now


def test_what_a_power_cut_tore_is_counted_again(busy):
    at = evening_of(TODAY)
    before = added_up(counting.count(at), "reporting")
    kept = sorted((export.store().root / "cells" / "day").glob("*.cells"))
    kept[0].write_bytes(b"")
    kept[1].write_bytes(kept[1].read_bytes()[:-7])
    kept[2].unlink()

    assert added_up(counting.count(at), "reporting") == before
    assert recounted(at) == 0


def test_what_is_kept_does_not_grow_for_ever(busy, send):
    counting.count(evening_of(TODAY))
    later = TODAY + timedelta(days=150)
    send(CLINIC, "symptom", later, 1, "fever")
    export.catch_up()
    counting.count(evening_of(later))

    assert [f.stem for f in (export.store().root / "cells" / "day").glob("*.cells")] == [later.isoformat()]


def test_a_silent_site_is_no_zero_even_where_its_street_speaks(send, quiet):
    quiet(CLINIC, "symptom", "fever", counts=(2, 1, 2), until=TODAY - timedelta(days=2))
    quiet(HOSPITAL, "symptom", "fever")
    export.catch_up()

    sites = counting.count_all(evening_of(TODAY), version=export.store().pin()).counted[1]
    row = sites.row(SeriesKey("symptom", "fever", "site", pk(CLINIC)))

    assert np.isnan(row[-2])


def test_a_district_that_sent_no_card_all_week_is_missing_that_week(send):
    for back in (21, 14, 0):
        send(HOSPITAL, "card", TODAY - timedelta(days=back), 2, "4000")
    export.catch_up()

    weeks = counting.count_weeks(evening_of(TODAY))

    assert weeks.days[-1] == "2020-06-08"
    assert weeks.counts[0, -4:-2].tolist() == [2, 2]
    assert np.isnan(weeks.counts[0, -2])
    assert weeks.counts[0, -1] == 2


def test_an_empty_log_has_no_series(city):
    grids = counting.count_all(evening_of(TODAY), version=export.store().pin())

    assert [len(one.keys) for one in grids.counted] == [0, 0, 0]
    assert cells.DAILY.period(TODAY) == TODAY
