"""Small random cities walked by everybody in them: whatever anybody reads is theirs to read, and what is hidden from
them might as well not be there.

The long walk is `make torture` (benchmarks/torture/leaks.py), which also breaks the code on purpose and looks whether
the walk notices (benchmarks/torture/mutants.py).
"""

from datetime import timedelta

import pytest
from tests.canary import ground
from tests.canary.crawl import crawl
from tests.canary.ground import AT, lay_base
from tests.canary.oracle import Grant, Opened, Row, World, may_see, reach, rows_seen

from citywatch.city.trace.models import Case, Investigation
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.models import Opening, Place

FENGTAI, XICHENG = "110000/110106/", "110000/110102/"


@pytest.fixture
def base(db, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: ground.AT)
    return lay_base()


def test_nobody_reads_what_is_not_theirs_and_nothing_hidden_changes_an_answer(base):
    found = crawl(base, range(1, 4), looks=70, posts=35)

    assert not found.wrong, "\n".join(found.wrong[:20])
    assert found.read > 100
    assert found.compared > 100
    assert found.refused > 40


@pytest.fixture
def told():
    """A case in each of two districts, in one investigation led by Fengtai."""
    world = World(AT)
    for number, path in ((1, FENGTAI), (2, XICHENG)):
        world.rows["case", number] = Row("case", number, path, person=number)
        world.known[number] = {path}
    cases = (("case", 1), ("case", 2))
    world.rows["investigation", 9] = Row("investigation", 9, FENGTAI, members=cases)
    return world


def given(world, who, abilities, path, until=None):
    world.grants.setdefault(who, []).append(Grant(frozenset(abilities.split()), path, until))


def test_an_investigator_sees_their_own_case_whole_and_of_the_other_district_s_only_the_number(told):
    given(told, "i", "trace.view vault.masked", XICHENG)

    assert rows_seen(told, "i") == {("case", 2), ("investigation", 9)}
    sights = may_see(told, "i")
    assert ("case", 1, "number") in sights
    assert ("case", 1, "text") not in sights
    assert ("person", 2, "masked") in sights
    assert ("person", 1, "masked") not in sights


def test_a_right_that_has_ended_shows_nothing_and_two_separated_rights_are_none(told):
    given(told, "i", "trace.view", FENGTAI, until=AT)
    given(told, "both", "accounts.manage grants.manage", FENGTAI)

    assert not may_see(told, "i")
    assert not reach(told, "both")


def test_an_emergency_shows_one_case_with_its_person_until_it_ends_and_not_its_investigation(told):
    told.openings = [Opened("late", 1, AT), Opened("now", 1, AT + timedelta(hours=1))]
    given(told, "now", "emergency.open", XICHENG)

    assert not rows_seen(told, "late")
    assert rows_seen(told, "now") == {("case", 1)}
    assert ("person", 1, "masked") in may_see(told, "now")


def test_the_pages_show_a_case_opened_in_an_emergency_and_not_the_investigation_that_holds_it(
    city, accounts, client_as, monkeypatch
):
    monkeypatch.setattr(clock, "now", lambda: AT)
    home = Place.objects.get(code="110106")
    facts = {"place": home, "hazard": "covid-19"}
    search = Investigation.objects.create(
        **facts, state="open", title_zh="一", title_en="I", opened_at=AT, look_back_days=2
    )
    case = Case.objects.create(**facts, investigation=search, reported_at=AT, classification="confirmed")
    Opening.objects.create(
        place=home, account=accounts["investigator_xicheng"], kind="trace.case", number=case.pk, because="急",
        opened_at=AT, until=AT + timedelta(hours=4),
    )  # fmt: skip
    opener = client_as("investigator_xicheng")

    assert opener.get(f"/trace/cases/{case.pk}/").status_code == 200
    assert opener.get(f"/trace/investigations/{search.pk}/").status_code == 404
    assert opener.get(f"/api/trace/investigations/{search.pk}").status_code == 404
    assert search.title_en not in {one["title_en"] for one in opener.get("/api/trace/investigations").json()}
