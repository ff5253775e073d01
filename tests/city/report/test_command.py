"""The command screen: everything that runs, on one wall."""

import pytest
from django.urls import reverse
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("at_noon")


@pytest.mark.parametrize("name", ["command", "command_live"])
def test_the_wall_shows_cases_clocks_proposals_and_late_orders(running, client_as, name):
    page = client_as("commander").get(reverse(f"report:{name}")).content.decode()

    assert "溯源锁定" in page or "风险点位锁定时限" in page
    assert "8:00" in page
    assert "待研判预警" in page
    assert str(running.title_zh) in page
    assert "超时" in page
    assert 'id="wall-map"' in page
    assert '<span id="wall-as-of" hidden>06-11 12:00<' in page


def test_the_map_colours_a_district_by_its_gravest_open_level(running, viewers):
    from citywatch.city.report import queries

    shown = queries.command(viewers["commander"])

    assert shown.map["areas"]["110106"] == {"value": 6, "level": "red", "label": "6例"}
    assert shown.map["areas"]["110102"]["level"] == "red"
    assert shown.levels["red"] == 1
    assert shown.orders.receipt_late == shown.orders.open > 0


def test_the_source_clock_stands_by_itself_and_others_are_grouped(running, viewers):
    from citywatch.city.report import queries

    source, others = queries.running_clocks(viewers["commander"], NOON)

    assert [one.code for one in source] == ["source-lock"]
    assert source[0].share(NOON) == pytest.approx(0.5)
    receipt = next(one for one in others if one.code == "order-receipt")
    assert receipt.running == receipt.late > 0


def test_the_wall_speaks_english_and_says_when_it_is_cut_off(running, client_as):
    client = client_as("commander")
    client.cookies["django_language"] = "en"
    page = client.get(reverse("report:command")).content.decode()

    assert "Connection lost" in page
    assert 'hx-trigger="every 15s"' in page
    assert "Clocks running" in page


def test_xichengs_wall_shows_nothing_of_fengtai(running, viewers):
    from citywatch.city.report import queries

    shown = queries.command(viewers["investigator_xicheng"])

    assert list(shown.map["areas"]) == ["110102"]
    assert shown.incidents == []
    assert all(one.place_code.startswith("110102") for one in shown.proposals)


def test_a_quiet_city_has_a_wall_too(city, client_as):
    assert client_as("commander").get(reverse("report:command")).status_code == 200
