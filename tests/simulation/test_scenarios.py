"""Whole scenarios in a small city: what happens, what is found, what is sent, and the truth beside it."""

import pickle
from collections import Counter, defaultdict
from datetime import date, timedelta

import numpy as np
import pytest
from tests.simulation.plans import demo_plan

from citywatch.simulation.days import DAY, local_day, midnight, minute_of
from citywatch.simulation.people import build_city
from citywatch.simulation.scenarios import SCENARIOS, run
from citywatch.simulation.streams import outpatients
from citywatch.simulation.visits import visits_on

PEOPLE = 20_000
MARKET_START = SCENARIOS["market"].default_start


@pytest.fixture(scope="module")
def city():
    return build_city(demo_plan(people=PEOPLE), seed=5)


def lived(city, scenario, *, days, seed=1, start=None, **told):
    going = run(city, scenario, start=start or SCENARIOS[scenario].default_start, days=days, seed=seed, **told)
    return going, list(going), going.finish()


@pytest.fixture(scope="module")
def market(city):
    return lived(city, "market", days=70)


@pytest.fixture(scope="module")
def many(city):
    return lived(city, "many", days=80, start=date(2021, 9, 1))


def positives(ending):
    at = ending.truth["positive_at"]
    return np.sort(at[~np.isnat(at)])


# ── The market ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_market_outbreak_looks_like_june_2020(city, market):
    going, _, ending = market
    found = positives(ending)
    days = ((found - found[0]) / np.timedelta64(1, "D")).astype(int)
    curve = np.bincount(days)
    truth = ending.truth
    staff = np.isin(truth["person_id"], [p for hall in city.halls for p in going.spread.members_of(int(hall))])
    tested = ~np.isnat(truth["positive_at"])

    # Published: 335 confirmed in 25 days with the peak on the third to fourth, 47 % of them market staff.
    assert 60 <= len(found) <= 335
    assert curve.argmax() <= 6
    assert (days < 14).mean() > 0.75
    assert days.max() < 45
    assert 0.3 <= staff[tested].mean() <= 0.65


def test_it_is_found_a_week_and_a_half_after_the_goods_came(market):
    _, _, ending = market
    began, found = ending.outbreaks["began_at"][0], positives(ending)[0]

    assert 8 <= (found - began) / np.timedelta64(1, "D") <= 14
    assert np.datetime64(ending.first_positive.replace(tzinfo=None), "s") == found


@pytest.mark.parametrize("seed", [3])
def test_every_seed_gives_five_cases_to_investigate_within_days(city, seed):
    _, _, ending = lived(city, "market", days=40, seed=seed)
    found = positives(ending)

    assert len(found) >= 5
    assert (found[4] - found[0]) / np.timedelta64(1, "h") < 72


def test_found_two_weeks_later_it_costs_far_more(city, market):
    _, _, ending = market
    _, _, later = lived(city, "market", days=56, found_days_later=14)

    # Published estimate: 3-14 days later, 3-28 times the cases. Ours stays at the low end: people wore masks.
    assert 1.6 <= len(later.truth["person_id"]) / len(ending.truth["person_id"]) <= 40


def test_the_market_is_closed_sixteen_hours_after_the_first_positive(city, market):
    _, days, ending = market
    closes = minute_of(ending.first_positive) + 16 * 60
    after = next(day for day in days if midnight(day.day) > closes)
    there = [city.market, *city.halls.tolist()]

    assert after.controls.closed == {city.market: closes}
    assert not np.isin(after.visits.place, there).any()
    assert np.isin(days[20].visits.place, there).any() if days[20].visits is not None else True


def test_who_is_found_or_named_stays_apart(market):
    _, days, ending = market
    last = days[-1]
    busy = next(day for day in reversed(days) if day.visits is not None)
    found = ending.truth["person_id"][~np.isnat(ending.truth["positive_at"])]

    assert set(found.tolist()) <= set(last.controls.held)
    assert not np.isin(busy.visits.person, found).any()
    assert len(last.controls.held) > 2 * len(found)  # contacts in quarantine
    assert last.controls.released


def test_truth_says_who_infected_whom_and_where(city, market):
    _, days, ending = market
    truth = ending.truth
    infected = dict(zip(truth["person_id"].tolist(), truth["infected_at"].tolist(), strict=True))
    by_day = {day.day: day.visits for day in days}

    assert len(infected) == len(truth["person_id"])
    assert (truth["onset_at"] > truth["infected_at"]).all()
    for n in range(len(truth["person_id"])):
        infector, place = int(truth["infector"][n]), int(truth["place_id"][n])
        minute = int(truth["infected_at"][n].astype(np.int64)) // 60
        if infector >= 0:
            assert infected[infector] < truth["infected_at"].tolist()[n]
        if place >= 0:
            visits = by_day[local_day(minute)]
            there = (visits.place == place) & (visits.minute_in <= minute) & (visits.minute_out >= minute)
            assert int(truth["person_id"][n]) in visits.person[there]


def test_interviews_tell_most_stays_at_roughly_the_right_time(city, market):
    _, days, ending = market
    controls = {day.day: day.controls for day in days}
    told = possible = right = 0
    barcodes = {row["barcode"] for day in days for b in day.batches if b.form == "lab-result" for row in b.rows}
    for one in ending.interviews[:12]:
        assert one.case_ref in barcodes
        mine = defaultdict(list)
        for day, measures in controls.items():
            if day >= local_day(minute_of(one.onset)) - timedelta(days=14) and day <= local_day(minute_of(one.at)):
                own = visits_on(city, day, controls=measures, people=range(one.person, one.person + 1))
                possible += len(own)
                for place, begin in zip(own.place.tolist(), own.minute_in.tolist(), strict=True):
                    mine[city.places[place].code].append(begin)
        told += len(one.stays)
        for stay in one.stays:
            assert stay.from_at < stay.to_at
            right += min(abs(minute_of(stay.from_at) - begin) for begin in mine[stay.place_code]) <= 60

    assert 0.6 <= told / possible <= 0.8
    assert right / told >= 0.85
    assert len(ending.interviews) == len(positives(ending))


# ── What is sent ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_row_of_a_true_infection_is_named_and_no_other(city, market):
    _, days, ending = market
    truth = dict(zip(ending.truth["person_id"].tolist(), ending.truth["disease"].tolist(), strict=True))
    positive, reported = set(), {}
    for day in days:
        for batch in day.batches:
            named = {row: person for row, person, _, _ in batch.subjects}
            for row, person, outbreak, disease in batch.subjects:
                assert truth[person] == disease
                assert outbreak == 0
                reported.setdefault(person, np.datetime64(batch.sent_at.replace(tzinfo=None), "s"))
                if batch.rows[row].get("result") == "positive":
                    positive.add(person)
            for number, row in enumerate(batch.rows):
                assert row.get("result") != "positive" or number in named
                assert row.get("disease") != "0103" or number in named
    first = ending.truth["first_report_at"]

    found = ending.truth["person_id"][~np.isnat(ending.truth["positive_at"])].tolist()
    assert set(found) == positive
    assert {p: t for p, t in zip(ending.truth["person_id"].tolist(), first, strict=True) if not np.isnat(t)} == reported


def test_batches_come_in_order_on_their_day_and_carry_one_id_each(many):
    _, days, _ = many
    seen = {}
    for day in days:
        sent = [batch.sent_at for batch in day.batches]
        assert sent == sorted(sent)
        assert all(local_day(minute_of(at)) == day.day for at in sent)
        for batch in day.batches:
            if batch.message_id in seen:
                assert seen[batch.message_id] == batch.rows  # sent twice
            seen[batch.message_id] = batch.rows


def test_the_same_seed_is_the_same_city_and_a_run_may_be_broken_off_anywhere(city, market):
    _, days, _ = market
    halves = run(city, "market", start=MARKET_START, days=70, seed=1)
    for _ in range(36):
        halves.step()
    kept = pickle.dumps(halves.state)
    going_on = run(city, "market", start=MARKET_START, days=70, seed=1, state=pickle.loads(kept))

    for mine in days[36:42]:
        assert repr(mine.batches) == repr(going_on.step().batches)
    other = run(city, "market", start=MARKET_START, days=70, seed=2)
    assert repr([day.batches for day in days[:2]]) != repr([other.step().batches for _ in range(2)])


def test_a_scenario_or_length_that_cannot_be_is_refused(city):
    with pytest.raises(ValueError, match="'volcano' is not known; this version has baseline"):
        run(city, "volcano", start=date(2021, 1, 1), days=3, seed=1)
    with pytest.raises(ValueError, match="0 days"):
        run(city, "market", start=date(2021, 1, 1), days=0, seed=1)


# ── Many small outbreaks ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_year_holds_forty_outbreaks_of_all_kinds_spread_over_time_and_city(city):
    going = run(city, "many", start=date(2021, 3, 1), days=365, seed=4)
    kinds = Counter(one.kind for one in going.plan)
    begins = np.array([one.begins for one in going.plan])
    again = run(city, "many", start=date(2021, 3, 1), days=365, seed=4)

    assert len(going.plan) == 40
    assert len(kinds) == 8
    assert kinds["school-norovirus"] == 9
    assert (begins.max() - begins.min()) / DAY > 300
    assert len({one.place for one in going.plan}) >= 20
    assert all(3 <= one.largest <= 200 for one in going.plan)
    assert [(o.kind, o.place, o.begins, o.largest) for o in going.plan] == [
        (o.kind, o.place, o.begins, o.largest) for o in again.plan
    ]


def test_small_outbreaks_reach_about_the_size_drawn_and_no_more(many):
    going, _, ending = many
    size, largest = ending.outbreaks["size"], np.array([one.largest for one in going.plan])

    assert (size <= largest).all()
    assert (size >= 3).mean() >= 0.85
    assert len(size) == round(40 * 80 / 365)
    assert set(ending.truth["outbreak"].tolist()) <= set(ending.outbreaks["outbreak"].tolist())


def test_most_outbreaks_leave_reports_but_far_from_every_case(many):
    _, _, ending = many
    seen = ~np.isnat(ending.truth["first_report_at"])
    quiet = np.isnat(ending.outbreaks["first_report_at"])

    assert 0.3 <= seen.mean() <= 0.8
    assert quiet.mean() < 0.25


def test_a_school_outbreak_of_norovirus_is_of_the_reported_size(city):
    sizes = [lived(city, "school-norovirus", days=28, seed=seed)[2].outbreaks["size"][0] for seed in (1, 2)]

    assert 25 <= np.mean(sizes) <= 250  # reported outbreaks average 89 cases


def test_goods_from_abroad_infect_a_few_who_handled_one_batch(city):
    _, _, ending = lived(city, "cold-chain", days=40)
    batch = int(ending.outbreaks["source_batch"][0])
    from_goods = ending.truth["infector"] < 0
    holders = set(ending.goods["to_place"][ending.goods["batch"] == batch].tolist())

    assert batch >= 0
    assert set(ending.truth["batch"][from_goods].tolist()) == {batch}
    assert set(ending.truth["place_id"][from_goods].tolist()) <= holders
    assert 3 <= len(ending.truth["person_id"]) <= 80
    assert ending.first_positive is not None


def test_one_imported_case_is_found_and_contained(city):
    for seed in (1, 2):
        _, _, ending = lived(city, "imported-case", days=30, seed=seed)
        assert ending.outbreaks["size"][0] <= 60


# ── Influenza and the calendar ───────────────────────────────────────────────────────────────────────────────────────


def test_over_national_day_the_share_of_influenza_like_illness_jumps_but_not_its_numbers(demo_city):
    """The artefact of every October: fewer ordinary patients, as many feverish ones (domain dossier, section 2.7)."""
    days = [date(2020, 9, 24) + timedelta(days=n) for n in range(15)]
    going = run(demo_city, "baseline", start=days[0], days=15, seed=3)
    ill = Counter()
    for day in going:
        for batch in day.batches:
            for row in batch.rows if batch.form == "symptom-registration" else []:
                ill[batch.day] += "fever" in row["symptoms"].split(";")
    everyone = {day: outpatients(demo_city, day, seed=3) for day in days}
    before, during = days[:7], days[7:15]
    counts = [sum(ill[day] for day in span) / len(span) for span in (before, during)]
    visits = [sum(everyone[day] for day in span) / len(span) for span in (before, during)]

    assert visits[0] == pytest.approx(2411, rel=0.15)  # visits a day per 100,000
    assert visits[1] < 0.75 * visits[0]
    assert counts[1] == pytest.approx(counts[0], rel=0.3)
    assert counts[1] / visits[1] > 1.25 * counts[0] / visits[0]
