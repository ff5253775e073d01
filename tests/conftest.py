"""What every Django test stands on: a small real registry, its people, and a clock that stands still unless moved."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

NOON = datetime(2020, 6, 11, 4, 0, tzinfo=UTC)
"""Noon in Beijing on 11 June 2020."""


def pytest_collection_modifyitems(items):
    """The longest first: a file that takes a minute and a half, begun last, would leave the other core idle."""
    items.sort(key=lambda item: "tests/stories/" not in item.nodeid)


@pytest.fixture
def at_noon(monkeypatch):
    """City time stands at `NOON`."""
    from citywatch.mechanisms import clock

    monkeypatch.setattr(clock, "now", lambda: NOON)
    return NOON


@pytest.fixture(autouse=True)
def _own_log(settings, tmp_path_factory):
    """Every test writes to an event log of its own, and forgets a moved clock and the language of a page before it."""
    from django.utils import translation

    from citywatch.mechanisms import clock

    settings.CITYWATCH_LOG = Path(tmp_path_factory.mktemp("log"))
    translation.activate(settings.LANGUAGE_CODE)
    clock.forget()
    yield
    clock.forget()


@pytest.fixture
def city(db):
    """Fengtai with two streets, Xicheng with one; a market with three halls; one institution of each kind."""
    from citywatch.city.registry.queries import city_place
    from citywatch.city.registry.services import NewSite, add_sites, lay_city

    lay_city("beijing", street_codes={"110106018", "110106024", "110102009"})

    def site(code, kind, name_zh, name_en, streams=(), **more):
        street = code.split("-")[0]
        return NewSite(
            code, street, "institution", name_zh, name_en, 116.34, 39.81, institution_kind=kind, streams=streams, **more
        )

    add_sites(
        [
            site(
                "110106018-C01",
                "chc",
                "花乡社区卫生服务中心",
                "Huaxiang Community Health Centre",
                ("symptom",),
                sentinel=True,
            ),
            site("110106018-P01", "pharmacy", "花乡平安药店", "Huaxiang Ping'an Pharmacy", ("pharmacy",)),
            site(
                "110106018-H01",
                "hospital",
                "丰台医院",
                "Fengtai Hospital",
                ("fever", "card"),
                fever_clinic=True,
                emergency=True,
            ),
            site("110106018-L01", "lab", "丰台核酸检测所", "Fengtai Testing Laboratory", ("lab",)),
            site("110106024-S01", "chs", "新村社区卫生服务站", "Xincun Health Station", ("symptom",)),
            site("110102009-K01", "clinic", "西城同仁诊所", "Xicheng Tongren Clinic", ("symptom",)),
            NewSite(
                "110106018-M01", "110106018", "market", "新发地批发市场", "Xinfadi Wholesale Market", 116.33, 39.80
            ),
            *[
                NewSite(f"110106018-M01-{i}", "110106018-M01", "hall", f"{i}号厅", f"Hall {i}", 116.33, 39.80)
                for i in (1, 2, 3)
            ],
        ]
    )
    return city_place()


@pytest.fixture
def accounts(city):
    """One account per role, with the grants the demo gives."""
    from citywatch.city.registry.services import grant, make_account
    from citywatch.mechanisms.jurisdiction.models import Place
    from citywatch.mechanisms.jurisdiction.services import machine

    system = machine("set-up", place=city, abilities=["registry.grant"])
    roles = {
        "duty_officer": [("duty_officer", "110000")],
        "investigator": [("investigator", "110106")],
        "investigator_xicheng": [("investigator", "110102")],
        "sentinel_nurse": [("sentinel_nurse", "110106018-C01")],
        "fever_nurse": [("sentinel_nurse", "110106018-H01")],
        "pharmacist": [("sentinel_nurse", "110106018-P01")],
        "lab": [("lab", "110106018-L01"), ("lab_reader", "110000")],
        "commander": [("commander", "110000")],
        "press": [("press", "110000")],
        "nobody": [],
    }
    made = {}
    for username, grants in roles.items():
        home = Place.objects.get(code=grants[0][1] if grants else "110000")
        made[username] = make_account(username=username, password="x", place=home, title_zh=username, title_en=username)
        for role, code in grants:
            grant(made[username], role=role, place=Place.objects.get(code=code), by=system, at=NOON)
    return made


@pytest.fixture
def viewers(accounts):
    """The same people as viewers."""
    from citywatch.mechanisms.jurisdiction.services import viewer_for

    return {name: viewer_for(account, at=NOON) for name, account in accounts.items()}


@pytest.fixture
def client_as(accounts):
    """A browser-like client signed in with a role."""
    from django.test import Client

    def sign_in(role):
        client = Client()
        if role:
            client.force_login(accounts[role])
        return client

    return sign_in
