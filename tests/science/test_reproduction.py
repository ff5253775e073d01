"""R is what the reference program says, and what an epidemiologist expects of it."""

import csv
import json
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gammaincinv
from tests.shared import SHARED, needs_shared

from citywatch.science import reproduction
from citywatch.science.reproduction import LEVELS, discretised_serial_interval, estimate_r, wallinga_teunis

REFERENCE = json.loads((Path(__file__).parent / "reproduction_reference.json").read_text(encoding="utf-8"))
INTERVAL = np.array([0, 0.2, 0.35, 0.25, 0.12, 0.08])


def _rows(name):
    with (SHARED / "golden" / "detection" / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def _golden():
    series, interval, expected = defaultdict(list), defaultdict(list), defaultdict(list)
    for row in _rows("rt_series.csv"):
        series[row["series_id"]].append(float(row["incidence"]))
    for row in _rows("rt_si_distr.csv"):
        interval[row["case_id"]].append(float(row["w"]))
    for name in ("expected_rt.csv", "expected_wallinga_teunis.csv"):
        for row in _rows(name):
            expected[row["case_id"]].append([float(row[at] or "nan") for at in row if at != "case_id"])
    return series, interval, {case: np.array(rows) for case, rows in expected.items()}


def _cases(function):
    return [row for row in _rows("rt_cases.csv") if row["r_function"] == function] if SHARED else []


def _interval(case, args, days):
    if case["method"] == "parametric_si":
        return discretised_serial_interval(np.arange(days), mean=args["mean_si"], sd=args["std_si"])
    return _golden()[1][case["case_id"]]


@needs_shared
def test_every_reference_case_is_compared():
    assert (len(_cases("estimate_R")), len(_cases("wallinga_teunis"))) == (12, 3)


@needs_shared
@pytest.mark.parametrize("case", _cases("estimate_R"), ids=lambda case: f"{case['case_id']} {case['series_id']}")
def test_the_posterior_is_that_of_the_reference_program(case):
    series, _, expected = _golden()
    args, counts, told = json.loads(case["args"]), series[case["series_id"]], expected[case["case_id"]]
    found = estimate_r(
        counts,
        serial_interval=_interval(case, args, len(counts)),
        window=7 if "weekly" in case["window"] else 3,
        prior_mean=args.get("mean_prior", 5),
        prior_sd=args.get("std_prior", 5),
    )
    assert len(told) == int(case["n_rows"])
    ours = np.column_stack([found.first + 1, found.last + 1, found.mean, found.sd, found.quantiles])
    np.testing.assert_allclose(ours, told, rtol=1e-9)


@needs_shared
@pytest.mark.parametrize("case", _cases("wallinga_teunis"), ids=lambda case: f"{case['case_id']} {case['series_id']}")
def test_the_cohort_mean_is_that_of_the_reference_program(case):
    series, _, expected = _golden()
    args, counts, told = json.loads(case["args"]), series[case["series_id"]], expected[case["case_id"]]
    windows = (told[:, 0].astype(int) - 1, told[:, 1].astype(int) - 1)
    found = wallinga_teunis(counts, serial_interval=_interval(case, args, len(counts)), windows=windows, draws=0)
    np.testing.assert_allclose(found.mean, told[:, 2], rtol=1e-8)


@needs_shared
def test_the_serial_interval_is_that_of_the_reference_program():
    rows = _rows("expected_discr_si.csv")
    assert len(rows) == 186
    ours = [
        discretised_serial_interval(float(row["k"]), mean=float(row["mu"]), sd=float(row["sd"])).item() for row in rows
    ]
    np.testing.assert_allclose(ours, [float(row["w"]) for row in rows], rtol=0, atol=1e-10)


@pytest.mark.parametrize("case", REFERENCE["estimate_r"], ids=lambda case: case["name"])
def test_further_cases_of_the_reference_program(case):
    told = np.array(case["rows"], dtype=float)
    given = case["serial_interval"]
    local, imported = np.array(case["local"], dtype=float), np.array(case["imported"], dtype=float)
    found = estimate_r(
        local + imported,
        imported=imported,
        serial_interval=discretised_serial_interval(np.arange(local.size), mean=given[0], sd=given[1])
        if len(given) == 2
        else given,
        windows=(told[:, 0].astype(int) - 1, told[:, 1].astype(int) - 1),
        prior_mean=case["prior"][0],
        prior_sd=case["prior"][1],
    )
    np.testing.assert_allclose(np.column_stack([found.mean, found.sd, found.quantiles]), told[:, 2:], rtol=1e-9)


def test_cohorts_scatter_as_in_the_reference_program():
    told = REFERENCE["wallinga_teunis"]
    windows = (np.array(told["t_start"]) - 1, np.array(told["t_end"]) - 1)
    found = wallinga_teunis(
        told["incidence"], serial_interval=told["serial_interval"], windows=windows, draws=4000, seed=5
    )
    np.testing.assert_allclose(found.mean, told["mean"], rtol=1e-8)
    np.testing.assert_allclose(found.sd, told["std"], rtol=0.1)


def test_a_slow_obvious_version_agrees():
    rng = np.random.default_rng(4)
    everyone, imported = rng.poisson(9, 40), rng.poisson(1, 40)
    everyone = everyone + imported
    found = estimate_r(everyone, imported=imported, serial_interval=INTERVAL, window=5, prior_mean=2, prior_sd=3)
    for at, (first, last) in enumerate(zip(found.first, found.last, strict=True)):
        cases = infectious = 0.0
        for day in range(first, last + 1):
            cases += everyone[day] - imported[day]
            infectious += sum(everyone[day - k] * INTERVAL[k] for k in range(1, 6) if day >= k)
        shape, rate = (2 / 3) ** 2 + cases, 2 / 9 + infectious
        if last + 1 > INTERVAL @ np.arange(6):
            assert found.mean[at] == pytest.approx(shape / rate, rel=1e-12)
            assert found.sd[at] == pytest.approx(shape**0.5 / rate, rel=1e-12)
            np.testing.assert_allclose(found.quantiles[at], gammaincinv(shape, LEVELS) / rate, rtol=1e-9)


@pytest.mark.parametrize("levels", [LEVELS, (1e-6, 0.001, 0.01, 0.999, 1 - 1e-6)])
def test_quantiles_are_exact_for_every_number_of_cases(levels):
    rng = np.random.default_rng(1)
    shape = np.concatenate([np.exp(rng.uniform(np.log(0.05), np.log(1e8), 4000)), [1.0, 1 + 1e-12, 2.0, 0.999]])
    found = reproduction._gamma_quantiles(shape, levels)
    np.testing.assert_allclose(found, gammaincinv(shape[:, np.newaxis], levels), rtol=1e-10)


def test_many_series_at_once_are_judged_as_one_by_one():
    counts = np.random.default_rng(1).poisson(8, size=(2, 3, 60)).astype(float)
    counts[1, 2, 30] = np.nan
    interval = discretised_serial_interval(np.arange(60), mean=4.0, sd=2.0)
    together = estimate_r(counts, serial_interval=interval)
    for place in np.ndindex(2, 3):
        alone = estimate_r(counts[place], serial_interval=interval)
        np.testing.assert_allclose(together.mean[place], alone.mean, rtol=1e-12)
        np.testing.assert_allclose(together.quantiles[place], alone.quantiles, rtol=1e-12)


def test_a_missing_day_blinds_the_windows_that_hold_it_or_lean_on_it_and_no_others():
    counts = np.full(60, 20.0)
    counts[20] = np.nan
    found = estimate_r(counts, serial_interval=INTERVAL, window=3)
    blind = np.isnan(found.mean)
    # The window that begins five days later is the last to lean on it.
    assert blind[(found.last >= 20) & (found.first <= 25)].all()
    assert not blind[(found.last > 4) & ((found.last < 20) | (found.first > 25))].any()


def test_steady_counts_reproduce_themselves_once():
    found = estimate_r(np.full(60, 500.0), serial_interval=INTERVAL)
    assert found.mean[-1] == pytest.approx(1, abs=0.01)
    assert found.quantile(0.025)[-1] < 1 < found.quantile(0.975)[-1]


def test_travellers_infect_but_were_not_infected_here():
    arrivals = np.full(30, 10.0)
    found = estimate_r(arrivals, imported=arrivals, serial_interval=INTERVAL)
    assert found.quantile(0.975)[-1] < 0.1


def test_without_cases_the_prior_is_all_there_is():
    found = estimate_r(np.zeros(30), serial_interval=INTERVAL, prior_mean=2, prior_sd=1)
    np.testing.assert_allclose(found.mean[-1], 2)
    np.testing.assert_allclose(found.sd[-1], 1)
    assert found.cases[-1] == 0


def test_an_infectee_is_shared_among_all_who_could_have_infected_it():
    # One case on day 0, two on day 1, one on day 2, who may come from day 0 (0.3) or the two of day 1 (0.7 each).
    found = wallinga_teunis(
        [1, 2, 1], serial_interval=[0, 0.7, 0.3], windows=([0, 1, 2], [0, 1, 2]), draws=20_000, seed=3
    )
    np.testing.assert_allclose(found.mean, [2 + 0.3 / 1.7, 0.7 / 1.7, 0])
    assert found.sd[0] == pytest.approx(np.sqrt(0.3 / 1.7 * 1.4 / 1.7), rel=0.02)
    assert found.quantile(0.025)[0] == 2
    assert found.quantile(0.975)[0] == 3


def test_the_same_seed_gives_the_same_interval():
    counts = np.random.default_rng(1).poisson(6, 30)
    one, same, other = (wallinga_teunis(counts, serial_interval=INTERVAL, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.quantiles, same.quantiles)
    assert not np.array_equal(one.sd, other.sd)


def test_series_too_short_for_a_window_have_none():
    for length in range(9):
        assert estimate_r(np.ones(length), serial_interval=INTERVAL).mean.shape == (max(0, length - 7),)


def test_a_serial_interval_is_a_distribution_with_its_mean():
    days = np.arange(200)
    chance = discretised_serial_interval(days, mean=8.4, sd=3.8)
    assert chance[0] == 0
    assert chance.sum() == pytest.approx(1, abs=1e-9)
    assert chance @ days == pytest.approx(8.4, abs=1e-6)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"serial_interval": [0.5, 0.5]}, "0.5 on day 0"),
        ({"serial_interval": [0, 0.9, 0.9]}, "1.8"),
        ({"serial_interval": [0, -0.1, 1.1]}, "negative"),
        ({"window": 0}, "window is 0"),
        ({"windows": ([0], [6])}, "0 to 6"),
        ({"windows": ([3], [40])}, "3 to 40"),
        ({"prior_sd": 0}, "sd 0"),
        ({"levels": (0.5, 1.0)}, "1.0"),
        ({"imported": np.full(20, 9)}, "imported"),
        ({"imported": np.full(19, 0)}, "19"),
    ],
)
def test_settings_without_meaning_are_refused_with_their_value(wrong, told):
    with pytest.raises(ValueError, match=told):
        estimate_r(np.ones(20), **{"serial_interval": INTERVAL, **wrong})


@pytest.mark.parametrize("wrong", [[1, 2.5, 3], [1, np.nan, 3]])
def test_cohorts_are_made_of_whole_people(wrong):
    with pytest.raises(ValueError, match="whole people"):
        wallinga_teunis(wrong, serial_interval=INTERVAL)


@pytest.mark.parametrize(("mean", "sd", "told"), [(1, 1, "mean is 1"), (3, 0, "sd is 0")])
def test_a_serial_interval_must_be_possible(mean, sd, told):
    with pytest.raises(ValueError, match=told):
        discretised_serial_interval([1], mean=mean, sd=sd)
