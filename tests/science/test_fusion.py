"""Weak signals that speak of one thing."""

import numpy as np
import pytest
from scipy.special import ndtr
from scipy.stats import combine_pvalues

from citywatch.science.fusion import combined_chance, fuse_signals, neighbours

NOON = np.datetime64("2020-06-09T12:00:00")


def fuse(*signals, hours=72):
    places, streams, after = zip(*signals, strict=True)
    return fuse_signals(place=places, stream=streams, at=[NOON + np.timedelta64(h, "h") for h in after], hours=hours)


def test_two_streams_in_one_street_within_three_days_are_two_witnesses():
    (cluster,) = fuse(("f", "symptom", 0), ("f", "pharmacy", 72))
    assert cluster.streams == ("pharmacy", "symptom")
    assert (cluster.first, cluster.last) == (NOON, NOON + np.timedelta64(72, "h"))


def test_an_hour_too_late_is_another_matter():
    assert [cluster.streams for cluster in fuse(("f", "symptom", 0), ("f", "pharmacy", 73))] == [
        ("symptom",),
        ("pharmacy",),
    ]


def test_the_same_stream_twice_is_one_witness():
    (cluster,) = fuse(("f", "symptom", 0), ("f", "symptom", 24))
    assert cluster.streams == ("symptom",)
    assert len(cluster.members) == 2


def test_another_street_is_another_cluster():
    assert [cluster.place for cluster in fuse(("f", "symptom", 0), ("g", "pharmacy", 1))] == ["f", "g"]


def test_three_streams_strung_out_over_a_week_are_not_three_witnesses():
    (cluster,) = fuse(("f", "symptom", 0), ("f", "pharmacy", 70), ("f", "lab", 140))
    assert cluster.members == (0, 1, 2)
    assert len(cluster.streams) == 2


def test_order_of_arrival_does_not_matter_and_a_later_signal_keeps_the_fingerprint():
    early = fuse(("f", "symptom", 0), ("f", "pharmacy", 20))
    late = fuse(("f", "lab", 40), ("f", "pharmacy", 20), ("f", "symptom", 0))
    assert (late[0].place, late[0].first) == (early[0].place, early[0].first)
    assert late[0].members == (2, 1, 0)
    assert late[0].streams == ("lab", "pharmacy", "symptom")


def test_no_signals_make_no_cluster():
    assert fuse_signals(place=[], stream=[], at=[]) == ()


@pytest.mark.parametrize(
    ("wrong", "says"), [({"place": []}, "one of each"), ({"at": ["NaT"]}, "no time"), ({"hours": -1}, "-1 hours")]
)
def test_signals_without_place_or_time_are_refused(wrong, says):
    with pytest.raises(ValueError, match=says):
        fuse_signals(**{"place": ["f"], "stream": ["lab"], "at": ["2020-06-09"]} | wrong)


def test_two_independent_witnesses_by_fishers_own_closed_form():
    p = np.array([[0.03, 0.05], [0.5, 0.5], [1e-6, 0.9]])
    product = p.prod(axis=1)

    # With two witnesses the tail of the chi-square on four degrees is q (1 - ln q) with q the product.
    assert combined_chance(p) == pytest.approx(product * (1 - np.log(product)))


@pytest.mark.parametrize("method", ["fisher", "stouffer"])
def test_combined_chances_are_those_of_scipy(method):
    p = np.random.default_rng(5).random((20, 4))

    assert combined_chance(p, method=method) == pytest.approx([combine_pvalues(row, method=method).pvalue for row in p])


@pytest.mark.parametrize("method", ["fisher", "stouffer"])
def test_streams_that_rise_together_are_not_taken_for_independent(method):
    draws = np.random.default_rng(6).multivariate_normal([0] * 3, 0.7 * np.eye(3) + 0.3, 200_000)
    p = ndtr(-draws)

    naive = (combined_chance(p, method=method) <= 0.01).mean()
    corrected = (combined_chance(p, method=method, correlation=0.3) <= 0.01).mean()

    assert naive > 0.02
    assert corrected == pytest.approx(0.01, abs=0.001)


def test_a_witness_that_could_not_tell_says_nothing():
    assert combined_chance([0.02, np.nan]) == pytest.approx(0.02)
    assert np.isnan(combined_chance([np.nan, np.nan]))


def test_a_chance_of_exactly_nothing_or_certainty_breaks_nothing():
    assert 0 <= float(combined_chance([0.0, 1.0])) < 1e-200
    assert 0 <= float(combined_chance([0.0, 1.0], method="stouffer")) <= 1


@pytest.mark.parametrize("wrong", [{"p": [1.1]}, {"p": [0.1], "correlation": 1}, {"p": [0.1], "method": "vote"}])
def test_chances_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match=r"outside|correlation|no method"):
        combined_chance(wrong.pop("p"), **wrong)


def by_hand(x, y, within):
    """Gabriel's words: nobody inside the circle on the line between them."""
    found = []
    for i in range(len(x)):
        for j in range(i + 1, len(x)):
            middle, square = ((x[i] + x[j]) / 2, (y[i] + y[j]) / 2), (x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2
            inside = [
                k for k in range(len(x)) if k not in {i, j}
                and (x[k] - middle[0]) ** 2 + (y[k] - middle[1]) ** 2 < square / 4
            ]  # fmt: skip
            if not inside and square**0.5 * 111.195 <= within:
                found.append((i, j))
    return tuple(found)


def test_neighbours_are_those_with_nobody_between():
    draws = np.random.default_rng(8)
    lon, lat = draws.random(40), draws.random(40) * 1e-3  # on the equator a degree is a degree

    assert neighbours(lon, lat, within_km=30) == by_hand(lon, lat, 30)
    assert len(neighbours(lon, lat, within_km=3)) < len(neighbours(lon, lat, within_km=30))


def test_a_place_without_coordinates_has_no_neighbour_and_shared_points_do_not_break():
    assert neighbours([116.3, np.nan, 116.31], [39.8, 39.8, 39.8], within_km=5) == ((0, 2),)
    assert (0, 1) in neighbours([116.3, 116.3, 116.4, 116.5], [39.8, 39.8, 39.9, 39.8], within_km=50)


def test_neighbours_need_a_distance_and_pairs_of_coordinates():
    with pytest.raises(ValueError, match="within_km"):
        neighbours([1.0], [1.0], within_km=0)
    with pytest.raises(ValueError, match="pair"):
        neighbours([1.0, 2.0], [1.0], within_km=1)
