"""The committed reference tables agree with themselves, with the census, and with the data beside the checkout."""

import csv
import json
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import shapely
from scipy.stats import spearmanr
from tests.shared import SHARED, needs_shared

from citywatch.city.registry import reference

CHECKOUT = Path(__file__).parents[3]
BEFORE_COVID = date(2020, 1, 19)
XINFADI = date(2020, 6, 11)
DISTRICTS = {"beijing": 16, "xiamen": 6}
STREETS = {"beijing": 349, "xiamen": 54}
CENSUS = {"beijing": 21_893_095, "xiamen": 5_163_970}

each_city = pytest.mark.parametrize("city", reference.CITIES)


def of_kind(city, kind):
    return [division for division in reference.divisions(city) if division.kind == kind]


def drawn(city):
    features = json.loads(reference.outline(city).read_text(encoding="utf-8"))["features"]
    return {feature["properties"]["code"]: feature for feature in features}


def shapes(city):
    return {code: shapely.geometry.shape(feature["geometry"]) for code, feature in drawn(city).items()}


def rows(name):
    with (reference.FOLDER / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


# --- places -----------------------------------------------------------------------------------------------------------


@each_city
def test_a_citys_census_is_the_sum_of_its_districts(city):
    (whole,) = of_kind(city, "city")

    assert whole.population == CENSUS[city]
    assert sum(district.population for district in of_kind(city, "district")) == CENSUS[city]


def test_xiamens_split_by_district_is_marked_unconfirmed_but_its_total_is_not():
    assert not any(district.population_is_confirmed for district in of_kind("xiamen", "district"))
    assert all(district.population_is_confirmed for district in of_kind("beijing", "district"))
    assert of_kind("xiamen", "city")[0].population_is_confirmed


@each_city
def test_every_place_has_one_code_and_its_parent_stands_before_it(city):
    seen = set()
    for division in reference.divisions(city):
        assert division.code not in seen
        assert division.kind == "city" or division.parent_code in seen
        seen.add(division.code)
    assert len(of_kind(city, "district")) == DISTRICTS[city]
    assert len(of_kind(city, "street")) == STREETS[city]


@each_city
def test_a_streets_code_begins_with_its_districts(city):
    assert all(street.code.startswith(street.parent_code) for street in of_kind(city, "street"))
    assert all(len(street.code) == 9 for street in of_kind(city, "street"))


@each_city
def test_every_place_has_an_english_name_in_plain_letters(city):
    assert all(division.name_en.isascii() and division.name_en for division in reference.divisions(city))


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("110102013", "Dashilan Subdistrict"),
        ("110102001", "Xichang'anjie Subdistrict"),
        ("110105007", "Hepingjie Subdistrict"),
        ("110112209", "Yujiawu Hui Ethnic Township"),
        ("110113110", "Zhangzhen Town"),
        ("110115111", "Zhangziying Town"),
        ("350203009", "Yundang Subdistrict"),
    ],
)
def test_names_that_a_dictionary_would_misread_are_spelled_as_on_the_street_signs(code, name):
    names = {division.code: division.name_en for city in reference.CITIES for division in reference.divisions(city)}

    assert names[code] == name


@each_city
def test_a_streets_synthetic_position_lies_inside_its_district(city):
    outlines = shapes(city)
    for street in of_kind(city, "street"):
        assert street.position_is_synthetic
        assert outlines[street.parent_code].covers(shapely.Point(street.lon, street.lat)), street.name_zh


@each_city
def test_no_two_places_of_one_kind_stand_on_one_spot(city):
    positions = [(street.lon, street.lat) for street in of_kind(city, "street")]

    assert len(set(positions)) == len(positions)


# --- maps -------------------------------------------------------------------------------------------------------------


@each_city
def test_every_district_has_an_outline_and_a_tile(city):
    codes = {district.code for district in of_kind(city, "district")}

    assert set(drawn(city)) == codes
    assert {tile.code for tile in reference.tile_grid(city)} == codes
    assert len({(tile.col, tile.row) for tile in reference.tile_grid(city)}) == DISTRICTS[city]


@each_city
def test_outlines_are_valid_do_not_overlap_and_leave_no_gap(city):
    polygons = list(shapes(city).values())

    assert all(polygon.is_valid and polygon.area > 0 for polygon in polygons)
    assert shapely.coverage_is_valid(polygons)


@each_city
def test_outlines_carry_both_names_and_a_centre_inside(city):
    names = {district.code: (district.name_zh, district.name_en) for district in of_kind(city, "district")}
    for code, feature in drawn(city).items():
        properties = feature["properties"]
        assert (properties["name_zh"], properties["name_en"]) == names[code]
        assert shapes(city)[code].covers(shapely.Point(properties["centre"])), code


@each_city
def test_an_outline_is_small_enough_for_a_phone_and_says_it_is_schematic(city):
    text = reference.outline(city).read_text(encoding="utf-8")

    assert len(text.encode()) <= 60_000
    assert "示意图" in json.loads(text)["name"]


@each_city
def test_the_tiles_lie_as_the_districts_do(city):
    centres = {district.code: (district.lon, district.lat) for district in of_kind(city, "district")}
    tiles = reference.tile_grid(city)
    eastward = spearmanr([tile.col for tile in tiles], [centres[tile.code][0] for tile in tiles]).statistic
    southward = spearmanr([tile.row for tile in tiles], [-centres[tile.code][1] for tile in tiles]).statistic

    assert eastward > 0.75
    assert southward > 0.85


# --- the demo city ----------------------------------------------------------------------------------------------------


@each_city
def test_the_demo_city_has_two_real_streets_a_district_one_market_and_100000_people(city):
    chosen = reference.demo_streets(city)
    real = {street.code: street.parent_code for street in of_kind(city, "street")}

    assert set(Counter(street.district_code for street in chosen).values()) == {2}
    assert len(chosen) == 2 * DISTRICTS[city]
    assert all(real[street.code] == street.district_code for street in chosen)
    assert sum(street.has_market for street in chosen) == 1
    assert sum(street.population for street in chosen) == 100_000
    assert sum(street.population_share for street in chosen) == pytest.approx(1)


def test_the_markets_stand_in_fengtai_and_in_huli():
    streets = [street for city in reference.CITIES for street in reference.demo_streets(city)]
    markets = {street.district_code for street in streets if street.has_market}

    assert markets == {"110106", "350206"}


@each_city
def test_a_demo_district_has_its_census_share_of_people(city):
    whole = CENSUS[city]
    for district in of_kind(city, "district"):
        people = sum(s.population for s in reference.demo_streets(city) if s.district_code == district.code)
        assert people == pytest.approx(100_000 * district.population / whole, abs=2)


def test_institution_kinds_meet_the_published_rates_and_have_a_letter_each():
    kinds = {kind.code: kind for kind in reference.institution_kinds()}

    assert len({kind.letter for kind in kinds.values()}) == len(kinds)
    assert sum(kind.per_100k for kind in kinds.values() if kind.level == "primary") == pytest.approx(40.8, abs=0.1)
    simulated = [kind for kind in kinds.values() if kind.level != "community"]  # of committees the demo keeps one
    assert all(kind.demo_count == pytest.approx(kind.per_100k, abs=1.5) for kind in simulated)
    streams = {stream for kind in kinds.values() for stream in kind.streams}
    assert streams == {"symptom", "fever", "pharmacy", "card", "absence", "visit", "lab"}


# --- diseases and clocks ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("on", "counts"),
    [
        (BEFORE_COVID, {"甲": 2, "乙": 26, "丙": 11}),
        (XINFADI, {"甲": 2, "乙": 27, "丙": 11}),
        (date(2023, 9, 20), {"甲": 2, "乙": 28, "丙": 11}),
        (date(2025, 9, 1), {"甲": 2, "乙": 27, "丙": 11}),
        (date(2026, 4, 1), {"甲": 2, "乙": 29, "丙": 11}),
    ],
)
def test_the_list_of_notifiable_diseases_is_the_one_of_the_day(on, counts):
    assert Counter(disease.legal_class for disease in reference.diseases(on)) == counts


def test_covid_is_class_b_managed_as_a_in_june_2020_and_plainly_class_b_from_2023():
    def covid(on):
        return next((disease for disease in reference.diseases(on) if disease.name_en == "COVID-19"), None)

    assert covid(BEFORE_COVID) is None
    then, later = covid(XINFADI), covid(date(2023, 1, 8))
    assert (then.legal_class, then.managed_as, then.report_within_hours) == ("乙", "甲", 2)
    assert (later.legal_class, later.managed_as, later.report_within_hours) == ("乙", "乙", 24)
    assert then.assumed, "its code is our own"


@pytest.mark.parametrize("on", [BEFORE_COVID, XINFADI, date(2023, 1, 8), date(2025, 9, 1), date(2026, 11, 22)])
def test_on_any_day_a_code_means_one_disease_and_a_subtype_has_its_parent(on):
    listed = reference.diseases(on, subtypes=True)
    codes = Counter(disease.code for disease in listed)

    assert max(codes.values()) == 1
    assert all(disease.parent in codes for disease in listed if disease.parent)


@pytest.mark.parametrize("on", [XINFADI, date(2026, 11, 22)])
def test_every_disease_has_a_clock_of_its_own_length(on):
    limits = {clock.code: clock.limit for clock in reference.clocks(on)}
    for disease in reference.diseases(on, subtypes=True):
        assert limits[disease.clock] == timedelta(hours=disease.report_within_hours), disease.name_zh


def test_pulmonary_anthrax_is_reported_in_2_hours_though_anthrax_has_24():
    hours = {disease.code: disease.report_within_hours for disease in reference.diseases(XINFADI, subtypes=True)}

    assert (hours["1900"], hours["1901"], hours["1902"]) == (24, 2, 24)


def test_two_rows_of_one_code_never_hold_on_the_same_day():
    for name in ("diseases.csv", "clocks.csv"):
        periods = sorted((row["code"], row["valid_from"], row["valid_to"] or "9999-12-31") for row in rows(name))
        for (code, _, end), (following, start, _) in pairwise(periods):
            assert code != following or end < start, f"{name}: {code}"


def test_a_clock_reads_its_limit_in_the_units_of_the_field():
    minutes = {clock.code: clock.limit_minutes for clock in reference.clocks(XINFADI)}

    assert minutes["source-lock"] == 16 * 60
    assert minutes["ems-answer"] == pytest.approx(1 / 6)
    assert minutes["quarantine-central"] == 14 * 24 * 60


def test_the_cold_chain_declaration_is_not_due_before_its_rule_came_into_force():
    assert "cold-chain-declaration" not in {clock.code for clock in reference.clocks(XINFADI)}
    assert "cold-chain-declaration" in {clock.code for clock in reference.clocks(date(2020, 11, 20))}


def test_quarantine_was_shortened_in_2022():
    def days(on):
        return {clock.code: clock.limit.days for clock in reference.clocks(on) if clock.code.startswith("quarantine")}

    assert days(XINFADI) == {"quarantine-central": 14, "quarantine-home": 7}
    assert days(date(2022, 7, 1)) == {"quarantine-central": 7, "quarantine-home": 3}


# --- responses and code lists -----------------------------------------------------------------------------------------


def test_every_level_has_orders_each_for_a_known_recipient_and_in_both_languages():
    recipients = {recipient.code for recipient in reference.response_recipients()}
    packages = reference.response_packages(XINFADI)

    assert [package.rank for package in packages] == [1, 2, 3, 4]
    for package in packages:
        assert [order.position for order in package.orders] == list(range(1, len(package.orders) + 1))
        assert {order.recipient for order in package.orders} <= recipients
        assert all(order.text_zh and order.text_en.isascii() for order in package.orders)
        assert all(order.within > timedelta(0) for order in package.orders)


def test_whoever_has_orders_at_one_level_has_orders_at_every_graver_one():
    reached = [{order.recipient for order in package.orders} for package in reference.response_packages(XINFADI)]

    assert all(graver >= lighter for graver, lighter in pairwise(reached))


def test_the_eight_symptoms_are_marked_assumed_and_the_code_lists_have_no_duplicates():
    assert len(reference.symptoms()) == 8
    assert all(symptom.assumed for symptom in reference.symptoms())
    lists = [reference.symptoms(), reference.drug_classes(), reference.occupations(), reference.response_recipients()]
    for codes in lists:
        assert len({choice.code for choice in codes}) == len(codes)
        assert len({choice.name_zh for choice in codes}) == len(codes)


def test_every_assumption_and_every_figure_names_where_it_comes_from():
    for name in ("diseases", "clocks", "institution_kinds", "symptoms", "response_orders", "census_2020"):
        assert all(row["source"] for row in rows(f"{name}.csv")), name
    assert all(row["note"] for row in rows("diseases.csv") if row["assumed"] == "yes")


def test_a_city_we_have_no_tables_for_is_refused_by_name():
    with pytest.raises(ValueError, match=r"'wuhan'; the reference tables hold beijing and xiamen"):
        reference.divisions("wuhan")


# --- the vocabulary ---------------------------------------------------------------------------------------------------


def test_the_vocabulary_gives_each_word_one_row_and_each_row_a_chinese_term():
    page = (CHECKOUT / "docs/vocabulary.md").read_text(encoding="utf-8")
    table = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("| ") and "---" not in line]
    words = [cells[0].strip().lower() for cells in table if cells[0].strip() != "our word"]
    bodies = [cells for cells in table if cells[0].strip() != "our word"]

    assert len(words) >= 110
    assert [word for word, times in Counter(words).items() if times > 1] == []
    assert all(len(cells) == 4 and all(cell.strip() for cell in cells) for cells in bodies)
    assert all(any("\u4e00" <= letter <= "\u9fff" for letter in cells[2]) for cells in bodies)


# --- against the data beside the checkout -----------------------------------------------------------------------------


@needs_shared
def test_census_and_streets_equal_the_tables_beside_the_checkout():
    with (SHARED / "data/geo/population_census2020_beijing_xiamen.csv").open(encoding="utf-8-sig", newline="") as lines:
        census = {row["adcode"]: (row["district"], int(row["population_2020_census"])) for row in csv.DictReader(lines)}
    with (SHARED / "data/geo/streets_beijing_xiamen.csv").open(encoding="utf-8-sig", newline="") as lines:
        streets = {(row["code"], row["name"], row["areaCode"]) for row in csv.DictReader(lines)}
    districts = [district for city in reference.CITIES for district in of_kind(city, "district")]
    ours = [street for city in reference.CITIES for street in of_kind(city, "street")]

    assert {district.code: (district.name_zh, district.population) for district in districts} == census
    assert {(street.code, street.name_zh, street.parent_code) for street in ours} == streets
