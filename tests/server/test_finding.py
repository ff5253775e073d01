"""What somebody has in hand leads to its page: a number, a barcode, words of a title, an ID number on record."""

import re

import pytest
from tests.city.reports import id_number
from tests.conftest import NOON

from citywatch.city.lab.models import Sample
from citywatch.city.trace.models import Case, Contact, Investigation, RiskPoint
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.vault.services import enrol
from citywatch.mechanisms.vault.types import Identity

THEIRS, NOBODYS = id_number(7), id_number(8)
NOTHING = "Nothing you may see was found"


@pytest.fixture
def known(city, at_noon):
    """A case of Fengtai with its sample, a contact and an investigation; the person is known in Fengtai alone."""
    fengtai, market = Place.objects.get(code="110106"), Place.objects.get(code="110106018-M01")
    person = enrol(Identity(name="鄢小一", id_number=THEIRS), place=fengtai, relation="responsible", at=NOON)
    row = Investigation.objects.create(
        place=fengtai, hazard="covid-19", title_zh="新发地市场聚集性疫情", title_en="Xinfadi market cluster",
        opened_at=NOON, look_back_days=2,
    )  # fmt: skip
    case = Case.objects.create(
        place=fengtai, hazard="covid-19", reported_at=NOON, classification="confirmed", onset_date=NOON.date(),
        person=person, sample_barcode="BJ20-000777", investigation=row,
    )  # fmt: skip
    Sample.objects.create(
        place=fengtai, barcode="BJ20-000777", person=person, submission_id=1, ordered_at=NOON, state="positive"
    )
    contact = Contact.objects.create(
        place=fengtai, case=case, person=person, kind="close", ground="judgement", judged_at=NOON, first_at=NOON,
        last_at=NOON, visited=market, state="released",
    )  # fmt: skip
    RiskPoint.objects.create(place=market, investigation=row, published_at=NOON, because="x")
    return {"case": case, "contact": contact, "investigation": row}


def shown(client, words):
    return told(client.post("/find/ask/", {"q": words}, follow=True, headers={"accept-language": "en"}))


def person(client, number, purpose="Called in by the family"):
    return told(client.post("/find/person/", {"person": number, "purpose": purpose}, headers={"accept-language": "en"}))


def told(answer):
    """The page without the tokens that differ each time."""
    return re.sub(r'(?<=value=")\w{64}|(?<=Token": ")\w+|nonce="[^"]*"', "", answer.content.decode())


@pytest.mark.parametrize("typed", ["C{case}", "{case}", " ｃ00{case} ", "BJ20-000777", "bj20-000777"])
def test_a_case_is_found_by_its_number_and_its_barcode_however_it_is_typed(known, client_as, typed):
    found = shown(client_as("investigator"), typed.format(case=known["case"].pk))

    wanted = f"/trace/cases/{known['case'].pk}/" if "bj" not in typed else "/lab/samples/"
    assert wanted in found


def test_words_of_a_title_find_it_in_either_language_and_pages_by_their_name(known, client_as):
    client, there = client_as("duty_officer"), f"/trace/investigations/{known['investigation'].pk}/"

    assert there in shown(client, "新发地")
    assert there in shown(client, "xinfadi")
    assert '<a href="/trace/risk-points/">Xinfadi Wholesale Market</a>' in shown(client, "批发市场")
    assert 'href="/situation/"' in shown(client, "疫情日报")
    assert NOTHING in shown(client, "西城")


def test_a_contact_leads_to_its_own_line_though_it_is_done(known, client_as):
    client, contact = client_as("investigator"), known["contact"]

    assert f"/trace/contacts/?number={contact.pk}" in shown(client, contact.title)
    listed = client.get(f"/trace/contacts/?number={contact.pk}").content.decode()
    assert contact.title in listed
    assert contact.title not in client.get("/trace/contacts/").content.decode()


def test_of_another_district_nothing_is_found_and_hidden_and_absent_read_alike(known, client_as):
    client = client_as("investigator_xicheng")

    hidden, absent = f"C{known['case'].pk}", "C999999"
    assert NOTHING in shown(client, hidden)
    assert shown(client, hidden).replace(hidden, "") == shown(client, absent).replace(absent, "")
    for words in ("BJ20-000777", "新发地", known["contact"].title):
        assert NOTHING in shown(client, words), words


def test_an_id_number_finds_the_rows_of_one_s_places_and_stands_in_no_address(known, client_as):
    client = client_as("investigator")

    offered = client.post("/find/ask/", {"q": THEIRS.lower()})
    assert offered.status_code == 200, "not sent on: it would stand in an address"
    assert f'value="{THEIRS}"' in offered.content.decode()
    found = person(client, f" {THEIRS[:6]} {THEIRS[6:]} ")
    for address in (f"/trace/cases/{known['case'].pk}/", "/lab/samples/", "/trace/contacts/?number="):
        assert address in found
    assert THEIRS not in found
    assert client.get(f"/find/?q={THEIRS}").content.decode().count("/trace/cases/") == 0


def test_seeking_a_person_is_on_record_whether_or_not_anybody_is_shown(known, client_as):
    mine, theirs = client_as("investigator"), client_as("investigator_xicheng")
    person(mine, THEIRS)

    hidden, absent = person(theirs, THEIRS), person(theirs, NOBODYS)

    assert NOTHING in hidden
    assert hidden.replace(THEIRS, "") == absent.replace(NOBODYS, "")
    told = Entry.objects.filter(kind="vault.sought").order_by("pk").values_list("subject_id", "body", "because")
    number, why = known["case"].person_id, "Called in by the family"
    assert list(told) == [
        (number, {"shown": True}, why),
        (number, {"shown": False}, why),
        (None, {"shown": False}, why),
    ]


def test_a_person_is_sought_with_a_purpose_a_right_number_and_the_right_to_open_identities(known, client_as):
    client = client_as("investigator")

    assert "needs a purpose" in person(client, THEIRS, purpose=" ")
    assert "neither a resident ID number" in person(client, THEIRS[:-1] + ("0" if THEIRS[-1] != "0" else "1"))
    assert client_as("duty_officer").post("/find/person/", {"person": THEIRS, "purpose": "x"}).status_code == 403
    assert "does not look people up" in shown(client_as("duty_officer"), THEIRS)
    assert client_as("sentinel_nurse").get("/find/").status_code == 403
    assert not Entry.objects.filter(kind="vault.sought").exists()


def test_one_character_is_asked_for_more_and_a_search_asks_the_database_little(
    known, client_as, django_assert_max_num_queries
):
    client = client_as("duty_officer")
    client.get("/find/")

    assert "at least two characters" in shown(client, "新")
    with django_assert_max_num_queries(15):
        client.get("/find/?q=新发地")


def test_whoever_might_not_open_an_identity_finds_nothing_by_it_even_at_their_own_place(known, client_as):
    row = Sample.objects.get()
    row.place = Place.objects.get(code="110102")
    row.save()
    client = client_as("investigator_xicheng")

    assert row.barcode in shown(client, row.barcode)
    assert NOTHING in person(client, THEIRS)
