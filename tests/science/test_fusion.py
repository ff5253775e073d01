"""Weak signals that speak of one thing."""

import numpy as np
import pytest

from citywatch.science.fusion import fuse_signals

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
