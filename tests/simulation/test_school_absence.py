"""What schools register: who stays at home ill, on school days, unevenly, and never all of it."""

from collections import Counter, defaultdict
from datetime import date, timedelta

import numpy as np
import pytest
from tests.simulation.plans import demo_plan

from citywatch.simulation.days import is_working_day, local_day
from citywatch.simulation.people import build_city
from citywatch.simulation.scenarios import run
from citywatch.simulation.streams.absence import is_open

START, DAYS = date(2021, 9, 6), 40  # Mid-Autumn, National Day and two make-up days among them


@pytest.fixture(scope="module")
def lived():
    city = build_city(demo_plan(people=30_000), seed=5)
    going = run(city, "school-norovirus", start=START, days=DAYS, seed=5)
    return city, [batch for day in going for batch in day.batches], going


@pytest.fixture(scope="module")
def registered(lived):
    """The registers of absence by day, each batch once."""
    found = {batch.message_id: batch for batch in lived[1] if batch.form == "school-absence"}
    return list(found.values())


def test_schools_report_on_school_days_alone_make_up_days_included(lived, registered):
    zero = [b for b in lived[1] if b.form == "zero-report" and b.rows[0]["stream"] == "absence"]

    days = {batch.day for batch in (*registered, *zero)}
    assert all(is_open(day) for day in days)
    assert date(2021, 9, 18) in days  # a Saturday worked for Mid-Autumn
    assert not {date(2021, 9, 20), date(2021, 10, 4)} & days
    assert zero


def test_kindergartens_miss_more_pupils_than_schools_about_as_many_as_published(lived, registered):
    city, people = lived[0], lived[0].people
    stage_of = {city.places[i].code: city.places[i].flags[0] for i in city.of_kind("school")}
    pupils = Counter(stage_of[city.places[i].code] for i in people.workplace[people.pupil].tolist())
    rows = Counter()
    for batch in registered:
        rows[stage_of[batch.site]] += len(batch.rows)
    open_days = sum(is_open(day) for day in {batch.day for batch in registered})
    share = {stage: rows[stage] / pupils[stage] / open_days for stage in pupils}

    assert share["kindergarten"] == pytest.approx(0.0165, rel=0.35)
    assert share["secondary"] < share["primary"] < share["kindergarten"]


def test_an_outbreaks_absences_are_its_pupils_and_not_all_of_them(lived, registered):
    city, _, going = lived
    people, spread = city.people, going.state.spread
    school = going.plan[0].place
    subjects = [(batch, row, person) for batch in registered for row, person, _, _ in batch.subjects]
    told = {person for _, _, person in subjects}
    ill = {case.person: case for case in spread.cases if not case.asymptomatic and people.pupil[case.person]}
    before_school = {one for one, case in ill.items() if is_open(local_day(case.onset) + timedelta(days=1))}

    assert told <= set(ill)
    assert 0.4 < len(told & before_school) / len(before_school) < 0.75  # six in ten by the rates
    assert len(told) < len(told & before_school) / len(before_school) * len(ill)  # who is ill over a weekend is missed
    assert all(batch.rows[row]["status"] == "new" for batch, row, _ in subjects)
    assert Counter(batch.site for batch, _, _ in subjects).most_common(1)[0][0] == city.places[school].code
    onset = {case.person: case.onset for case in spread.cases}
    for batch, row, person in subjects:
        assert (batch.rows[row]["onset_date"] or "2021-09-06") <= batch.day.isoformat()
        assert batch.sent_at.timestamp() / 60 > onset[person]


def test_a_register_numbers_each_class_anew_and_names_nobody(registered):
    for batch in registered:
        numbers = defaultdict(list)
        for row in batch.rows:
            assert not {"name", "id_number", "phone", "address"} & set(row)
            numbers[row["grade"], row["class_no"]].append(int(row["list_no"]))
        for listed in numbers.values():
            assert listed == list(range(1, len(listed) + 1))


def test_some_days_come_late_and_some_never(lived, registered):
    city = lived[0]
    sent = {(b.site, b.day): b for b in lived[1] if b.form == "school-absence" or b.rows[0].get("stream") == "absence"}
    days = [day for day in {batch.day for batch in registered} if is_working_day(day)]
    missing = 1 - len(sent) / len(days) / len(city.of_kind("school"))
    late = np.mean([batch.sent_at.date() > batch.day for batch in sent.values()])

    assert 0.0 < missing < 0.12
    assert 0.01 < late < 0.12
