"""A list of places becomes the registry's own words, or says which cell it cannot."""

import pytest
from tests.conftest import NOON

from citywatch.city.registry.services import SitesImported, import_sites
from citywatch.interop.tables.places import sites
from citywatch.interop.tables.read import read_table
from citywatch.interop.tables.visit_feed import parts_of
from citywatch.mechanisms.errors import NotAllowed, Refusal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine

HEADER = "code,parent_code,kind,name_zh,name_en,lon,lat,institution_kind,streams,flags"
LIST = (
    "M9,110106018,market,批发市场,Wholesale Market,116.1,39.5,,,",
    "M9-1,M9,hall,海鲜厅,Seafood Hall,,,,,",
    "H9,110106018,institution,医院,Hospital,116.1,39.5,hospital,symptom;fever,fever_clinic",
)


def listed(*rows):
    return sites(read_table("\n".join([HEADER, *rows]).encode(), name="list.csv"))


@pytest.fixture
def bring(city):
    def bring(*rows, at_place="110000", **more):
        place = Place.objects.get(code=at_place)
        by = machine("import", place=place, abilities=["registry.grant"])
        return import_sites(listed(*rows), by=by, at=NOON, **more)

    return bring


def test_places_are_added_once_and_take_the_lists_words_later(bring):
    assert bring(*LIST, dry_run=True) == SitesImported(3, 3, 0, 0)
    assert not Place.objects.filter(code="M9").exists()
    assert bring(*LIST) == SitesImported(3, 3, 0, 0)
    assert bring(*LIST) == SitesImported(3, 0, 0, 3)
    assert bring(LIST[0].replace("批发市场", "大市场"), LIST[2].replace(";fever", "")) == SitesImported(2, 0, 2, 0)
    assert Place.objects.get(code="M9").name_zh == "大市场"
    assert Place.objects.get(code="H9").institution.streams == ["symptom"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("X,110106018,bazaar,某,,,,,,", "row 2 column kind: 'bazaar' is no kind of place"),
        ("X,110106018,market,,,,,,,", "row 2 column name_zh: empty"),
        ("X,110106018,market,某,,39.5,116.1,,,", "row 2 column lon: '39.5' is not between 73 and 136"),
        ("X,110106018,market,某,,,,chc,,", "column institution_kind: 'chc' for a market"),
        ("X,110106018,institution,某,,,,chc,,night", "column flags: 'night' is not known"),
    ],
)
def test_a_cell_that_cannot_be_used_is_named(row, said):
    with pytest.raises(Refusal, match=said):
        listed(row)


def test_a_place_does_not_move_nor_hang_from_nothing_nor_stand_twice(bring):
    bring(*LIST)
    with pytest.raises(Refusal, match="a place does not move"):
        bring("M9,110106024,market,批发市场,,,,,,")
    with pytest.raises(Refusal, match="lies in nowhere"):
        bring("X,nowhere,market,某,,,,,,")
    with pytest.raises(Refusal, match="twice"):
        bring(LIST[0], LIST[0])


def test_nobody_adds_places_beyond_their_own_district(bring):
    with pytest.raises(NotAllowed):
        bring(*LIST, at_place="110102")


def test_a_file_of_visits_of_no_known_kind_is_refused(tmp_path):
    for name, said in (("v.pdf", "no known format"), ("v.csv", "no such file")):
        if name == "v.pdf":
            (tmp_path / name).write_bytes(b"x")
        with pytest.raises(Refusal, match=said):
            list(parts_of(tmp_path / name, ("id_number",)))


def test_a_large_file_of_visits_is_cut_into_messages(tmp_path, monkeypatch):
    from citywatch.interop.tables import visit_feed

    monkeypatch.setattr(visit_feed, "ROWS", 2)
    (tmp_path / "v.csv").write_text("id_number,other\n" + "".join(f"{n},x\n" for n in range(5)), encoding="utf-8")
    assert [rows for _, rows in parts_of(tmp_path / "v.csv", ("id_number",))] == [2, 2, 1]
