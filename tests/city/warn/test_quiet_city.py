"""A month without an outbreak in the demo city: how often the desk is called for nothing, and how long a run takes."""

import time
from datetime import date, timedelta

import numpy as np
import pytest

from citywatch.city.warn.services import look, watch
from citywatch.eventlog.rebuild import SubmissionRow, batches_of
from citywatch.mechanisms.clock import start_of
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place

LAST = date(2020, 6, 4)
DAYS = 45
WATCHED = 28  # the days judged; those before are baseline
MOST_PROPOSALS_A_DAY = 3.0
DISPERSION = 10.0  # negative binomial, as the demo's ordinary days
STREETS = 32
SYMPTOMS = {"fever": 1.5, "cough_throat": 6.0, "diarrhoea": 1.5, "vomiting": 0.6, "rash": 0.8, "red_eye": 0.5}
DRUGS = {"antipyretic": 0.22, "cough": 0.33, "antiviral": 0.13, "antibiotic": 0.32}
CARDS = {"3500": 0.25, "4000": 0.35, "3900": 0.40}
LEAST_ONCE_SECONDS = 0.6  # the aim is 0.15 on an idle machine; a shared one is given room


@pytest.fixture
def streets(db):
    """Thirty-two streets of sixteen districts."""
    valid = {"valid_from": date(1949, 10, 1)}
    city = Place.objects.create(code="110000", kind="city", path="110000/", name_zh="京", name_en="City", **valid)
    made = []
    for d in range(STREETS // 2):
        code = f"1101{d:02d}"
        district = Place.objects.create(
            code=code, kind="district", parent=city, path=f"110000/{code}/", name_zh=f"区{d}", name_en=f"D{d}", **valid
        )
        for s in (1, 2):
            one = f"{code}00{s}"
            path = f"{district.path}{one}/"
            made.append(
                Place.objects.create(
                    code=one,
                    kind="street",
                    parent=district,
                    path=path,
                    name_zh=f"街{d}{s}",
                    name_en=f"S{d}{s}",
                    **valid,
                )
            )
    return made


def ordinary_rows(streets, *, seed):
    """Six weeks of ordinary days at the demo's rates: 104 visits, 146 sales, 12 fever visits, 3.5 cards a day."""
    rng = np.random.default_rng(seed)
    weight = rng.gamma(4, 1, STREETS)
    sites = {
        "symptom": [
            (street, share, SYMPTOMS) for street, share in zip(streets, 104 * weight / weight.sum(), strict=True)
        ],
        "pharmacy": [(street, 146 / 5, DRUGS) for street in streets[:5]],
        "fever": [(streets[0], 12.0, {"fever": 1.0})],
        "card": [(streets[0], 1.75, CARDS), (streets[1], 1.75, CARDS)],
    }
    number = 0
    for back in range(DAYS):
        day = LAST - timedelta(days=DAYS - 1 - back)
        for stream, places in sites.items():
            for street, mean, shares in places:
                codes, p = list(shares), np.array(list(shares.values())) / sum(shares.values())
                reports = rng.negative_binomial(DISPERSION, DISPERSION / (DISPERSION + mean))
                for code in rng.choice(codes, size=reports, p=p):
                    number += 1
                    home = street if rng.random() < 0.8 else streets[int(rng.integers(STREETS))]
                    yield _row(number, stream, (str(code),), street, home, day)
                if not reports:
                    number += 1
                    yield _row(number, stream, (), street, None, day, count=0)


def _row(number, stream, codes, street, home, day, count=1):  # noqa: PLR0917 - a row is that wide
    return SubmissionRow(
        submission=number, stream=stream, syndromes=codes, place=street.pk, street=street.pk,
        district=street.parent_id, home_street=home.pk if home else 0, occurred_on=day,
        recorded_at=start_of(day) + timedelta(hours=18), count=count,
    )  # fmt: skip


def fill(streets, *, seed):
    rows = list(ordinary_rows(streets, seed=seed))
    export.store().append_together(batches_of(rows, batch_id=f"seed-{seed}"))


def evening(day):
    return start_of(day) + timedelta(hours=20)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_quiet_month_calls_the_desk_at_most_three_times_a_day(streets, seed, record_property, capsys):
    from citywatch.city.warn.models import Proposal, Signal

    fill(streets, seed=seed)
    for back in reversed(range(WATCHED)):
        watch(at=evening(LAST - timedelta(days=back)), force=True)

    a_day = Proposal.objects.count() / WATCHED
    yellow = Proposal.objects.filter(level="yellow").count() / WATCHED
    signals = Signal.objects.count() / WATCHED
    told = f"seed {seed}: {a_day:.2f} proposals a day ({yellow:.2f} yellow), {signals:.2f} signals"
    record_property("quiet month", told)
    with capsys.disabled():
        print(f"\n  {told}")  # noqa: T201 - the figure is the point
    assert 0 < a_day <= MOST_PROPOSALS_A_DAY


def test_a_run_over_the_whole_city_is_quick(streets):
    fill(streets, seed=3)
    look(at=evening(LAST))  # the first run compiles and opens
    took = []
    for back in range(3):
        started = time.perf_counter()
        run = look(at=evening(LAST - timedelta(days=back)))
        took.append(time.perf_counter() - started)

    assert run.series > 400
    assert min(took) < LEAST_ONCE_SECONDS


def test_what_a_look_sees_the_daily_runs_have_stored(streets):
    from citywatch.city.warn.models import Signal

    fill(streets, seed=4)
    met = 0
    for back in reversed(range(10)):
        night = LAST - timedelta(days=back)
        watch(at=evening(night))

        recent = Signal.objects.filter(last_day__gte=night - timedelta(days=2))
        stored = {(s.stream, s.syndrome, s.by, s.place_id, s.last_day, s.observed) for s in recent}
        seen = {
            (f.key.stream, f.key.syndrome, f.key.by, f.key.place_id, f.last_day, f.observed)
            for f in look(at=evening(night)).findings
        }
        assert seen <= stored  # what only had room for a day, for better company since, stays on the desk
        met += len(seen)
    assert met
