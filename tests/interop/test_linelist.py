"""Real line lists and damaged ones, through the mappings shipped with the house."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from tests.shared import SHARED, needs_shared

from citywatch.interop.tables.linelist import cases, links, load_mapping
from citywatch.interop.tables.read import read_table
from citywatch.mechanisms.errors import Refusal

LISTS = SHARED / "data" / "linelists" if SHARED else None
AT = datetime(2020, 6, 11, tzinfo=UTC)
HEADER = "id,age,sex,loc_hosp,dt_onset,dt_report,outcome"


@pytest.fixture(autouse=True)
def _in_english():
    from django.utils.translation import override

    with override("en"):
        yield


def table(*rows, header=HEADER):
    return read_table("\n".join([header, *rows]).encode(), name="list.csv")


def run(*arguments):
    from citywatch.server.cli.import_tables import command

    return CliRunner().invoke(command, list(map(str, arguments)))


def brought(kind, file, name, title, *more):
    return run(kind, LISTS / file, "--map", name, "--place", "110106", "--title", title, *more)


@pytest.fixture
def mers(city):
    for kind, file in (("line-list", "mers_korea_2015_linelist.csv"), ("contacts", "mers_korea_2015_contacts.csv")):
        result = brought(kind, file, "mers-korea-2015", "MERS Korea 2015")
        assert result.exit_code == 0, result.output


def dossier(city, title):
    from citywatch.city.trace import queries
    from citywatch.city.trace.models import Investigation
    from citywatch.mechanisms.jurisdiction.services import machine

    viewer = machine("test", place=city, abilities=["trace.view", "journal.read"])
    return queries.dossier(viewer, Investigation.objects.get(title_en=title).pk, at=AT)


def test_a_row_is_read_by_the_columns_the_mapping_names():
    (row,) = cases(table("SK_1,68,M,St. Mary,2015-05-11,2015-05-19,Alive"), load_mapping("mers-korea-2015"))

    assert (row.label, row.age, row.sex, row.outcome, row.classification) == ("SK_1", 68, "M", "alive", "confirmed")
    assert row.onset_date.isoformat() == "2015-05-11"


def test_unknown_values_are_listed_with_their_first_row_and_never_guessed():
    damaged = table("a,68,M,,2015-05-11,,Alive", "b,x,male,,11/05/2015,,Cured", "c,70,male,,,,")

    with pytest.raises(Refusal) as refused:
        cases(damaged, load_mapping("mers-korea-2015"))

    for told in ("sex 'male' (row 3, 2 rows)", "age 'x' (row 3)", "dt_onset '11/05/2015' (row 3)", "outcome 'Cured'"):
        assert told in refused.value.sentence
    assert "4 values" in refused.value.sentence


def test_unknown_values_may_be_left_empty_when_that_is_asked_for():
    rows = cases(table("b,68,male,,,,"), load_mapping("mers-korea-2015"), unknown_as_empty=True)

    assert rows[0].sex == ""


def test_a_missing_column_and_an_unnamed_case_are_refused_with_their_place():
    with pytest.raises(Refusal, match="no column sex"):
        cases(table("a", header="id"), load_mapping("mers-korea-2015"))
    with pytest.raises(Refusal, match="row 2 column id: empty"):
        cases(table(",68,M,,,,Alive"), load_mapping("mers-korea-2015"))


def test_a_mapping_that_invents_a_code_or_a_field_is_refused(tmp_path):
    wrong = tmp_path / "mine.toml"
    wrong.write_text('[line_list.columns]\nlabel = "id"\n[line_list.values]\noutcome = { Cured = "cured" }\n')
    with pytest.raises(Refusal, match="outcome = cured"):
        load_mapping(str(wrong))
    wrong.write_text('[line_list.columns]\nlabel = "id"\ncolour = "c"\n')
    with pytest.raises(Refusal, match="no field colour"):
        load_mapping(str(wrong))
    with pytest.raises(Refusal, match="mers-korea-2015, singapore-covid-2020"):
        load_mapping("nowhere")


@needs_shared
def test_the_mers_dossier_shows_who_infected_how_many(mers, city):
    from citywatch.city.trace.queries import chain_graph_of

    found = dossier(city, "MERS Korea 2015")

    assert len(found.cases) == 162
    assert [(one.label, one.infected) for one in found.offspring[:4]] == [
        ("SK_14", 38),
        ("SK_1", 26),
        ("SK_16", 21),
        ("SK_15", 4),
    ]
    assert next(one for one in found.offspring if one.label == "SK_1").generation == 0
    assert len(chain_graph_of(found.chains, {})["links"]) == 98
    (told,) = found.contradictions
    assert "SK_107, SK_39" in told.en  # each has two infectors on record
    assert not any(line.clocks for line in found.cases)


@needs_shared
@pytest.mark.django_db
def test_a_line_list_sent_again_changes_nothing_and_a_correction_changes_one_case(mers, tmp_path):
    from citywatch.city.trace.models import Case, Investigation, Link

    result = brought("line-list", "mers_korea_2015_linelist.csv", "mers-korea-2015", "MERS Korea 2015")
    assert result.output == "162 cases read: 0 stored, 0 changed, 162 the same\n"
    result = brought("contacts", "mers_korea_2015_contacts.csv", "mers-korea-2015", "MERS Korea 2015")
    assert result.output == "98 links read: 0 stored, 0 changed, 98 the same\n"
    corrected = tmp_path / "corrected.csv"
    corrected.write_text((LISTS / "mers_korea_2015_linelist.csv").read_text().replace("SK_1,68,", "SK_1,69,"))
    result = run("line-list", corrected, "--map", "mers-korea-2015", "--place", "110106", "--title", "MERS Korea 2015")
    assert result.output == "162 cases read: 0 stored, 1 changed, 161 the same\n"
    assert (Investigation.objects.count(), Case.objects.count(), Link.objects.count()) == (1, 162, 98)
    assert Case.objects.get(label="SK_1").age == 69


@needs_shared
def test_singapore_s_edges_keep_their_circles_in_sight(city):
    for kind, file in (
        ("line-list", "singapore_covid_2020_linelist.csv"),
        ("contacts", "singapore_covid_2020_edges.csv"),
    ):
        assert brought(kind, file, "singapore-covid-2020", "Singapore 2020").exit_code == 0

    found = dossier(city, "Singapore 2020")

    infected = {one.label: one.infected for one in found.offspring}
    assert len(found.cases) == 93
    assert {label: infected[label] for label in ("8", "19", "66", "69")} == {"8": 7, "19": 7, "66": 6, "69": 4}
    sentences = [one.en for one in found.contradictions]
    assert any("form a circle: 1, 2, 3" in one for one in sentences)  # the file names 1→2 and 2→1
    assert any("71 is on record as having infected themselves" in one for one in sentences)


@needs_shared
def test_a_dry_run_tells_and_stores_nothing(city):
    from citywatch.city.trace.models import Case, Investigation
    from citywatch.mechanisms.journal.models import Entry

    before = Entry.objects.count()
    result = brought("line-list", "mers_korea_2015_linelist.csv", "mers-korea-2015", "MERS Korea 2015", "--dry-run")

    assert result.output == "162 cases read: 162 would be stored, 0 changed, 0 the same\n"
    assert not Investigation.objects.exists()
    assert not Case.objects.exists()
    assert Entry.objects.count() == before


@needs_shared
def test_contacts_before_their_line_list_are_refused_in_one_line(city):
    result = brought("contacts", "mers_korea_2015_contacts.csv", "mers-korea-2015", "MERS Korea 2015")

    assert result.exit_code == 2
    assert "import the line list first" in result.output
    assert result.output.count("\n") == 1


def test_contacts_with_cases_the_list_lacks_are_named(city):
    from citywatch.city.trace import services
    from citywatch.city.trace.types import CaseListed, LinkListed
    from citywatch.mechanisms.jurisdiction.services import machine

    by = machine("test", place=city, abilities=["trace.open"])
    services.import_line_list([CaseListed("a")], place=city, title="t", hazard="mers", by=by, at=AT)

    with pytest.raises(Refusal, match="1 cases the line list lacks: ghost"):
        services.import_contacts([LinkListed("a", "ghost")], place=city, title="t", by=by, at=AT)
    with pytest.raises(Refusal, match="names a more than once"):
        services.import_line_list([CaseListed("a")] * 2, place=city, title="t", hazard="mers", by=by, at=AT)


def test_links_read_their_exposure():
    told = links(read_table(b"from,to,exposure\na,b,Emergency room\n"), load_mapping("mers-korea-2015"))

    assert (told[0].infector, told[0].infectee, told[0].exposure) == ("a", "b", "emergency_room")
