"""Lists about people leave by one door: masked, for a reason, counted, with a second person above the limits."""

import ast
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import openpyxl
import pytest
from tests.conftest import NOON

import citywatch
from citywatch.city.trace.models import Case, Contact, Stay
from citywatch.interop.tables.watermark import whose
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place, Role
from citywatch.mechanisms.vault import exporting
from citywatch.mechanisms.vault.models import Export
from citywatch.mechanisms.vault.services import enrol
from citywatch.mechanisms.vault.types import Identity
from citywatch.server.exports.sheets import KINDS

HOUSE = Path(citywatch.__file__).parent
WRITES_TABLES = {
    "server/exports/views.py": "the door itself",
    "server/uploads.py": "empty templates, and a sender's own wrong rows back to that sender",
    "server/api/warn.py": "counts of proposals; no row is about a person",
}
"""Every module of pages or the API that may write a table, and why it is no leak; commands write on the machine."""


@pytest.fixture
def met(city, at_noon):
    """Make contacts of one case in Fengtai, each met at the market."""
    home = Place.objects.get(code="110106")
    case = Case.objects.create(
        place=home, hazard="covid-19", reported_at=NOON, classification="confirmed", onset_date=NOON.date()
    )
    market = Place.objects.get(code="110106018-M01")

    def make(count):
        first = Contact.objects.count()
        for number in range(first, first + count):
            person = enrol(
                Identity(name=f"鄢小{number}", phone=f"1990000{number:04d}"),
                place=home,
                relation="responsible",
                at=NOON,
            )
            Contact.objects.create(
                place=home, case=case, person=person, kind="close", ground="judgement", judged_at=NOON, first_at=NOON,
                last_at=NOON, visited=market,
            )  # fmt: skip

    return make


def ask(client, because="转运车辆调度", kind="contacts"):
    return client.post("/exports/ask/", {"kind": kind, "because": because})


def take(client, made):
    return client.post("/exports/take/", {"export": made.pk})


def rows_of(answer):
    sheet = openpyxl.load_workbook(BytesIO(answer.content)).active
    return [[cell or "" for cell in row] for row in sheet.iter_rows(values_only=True)]


def test_a_short_list_leaves_masked_with_a_mark_everybody_sees_and_one_nobody_does(met, client_as):
    met(50)
    client = client_as("investigator")
    ask(client)
    made = Export.objects.get()
    answer = take(client, made)
    _, *rows = rows_of(answer)

    assert "no-store" in answer["Cache-Control"]
    assert len(rows) == 50
    assert "小" not in "".join(row[1] for row in rows)
    assert all(row[1] == "鄢**" or row[1] == "鄢***" for row in rows)
    assert all(row[-1].startswith(f"investigator #{made.pk} ") for row in rows)
    assert whose([row[:-1] for row in rows], {**exporting.marks("contacts"), 0: "0" * 32}, column=7) == made.pk
    assert take(client, made).status_code == 422, "once"
    taken = Entry.objects.get(kind="export.taken")
    assert (taken.body["rows"], taken.body["tracks"], taken.because) == (50, 50, "转运车辆调度")


def test_above_fifty_tracks_a_second_person_agrees_first_and_never_the_one_who_asked(met, client_as):
    met(51)
    asker, desk = client_as("investigator"), client_as("duty_officer")
    ask(asker)
    made = Export.objects.get()
    assert take(asker, made).status_code == 403
    assert asker.post("/exports/approve/", {"export": made.pk}).status_code == 403
    ask(desk)
    own = Export.objects.exclude(pk=made.pk).get()
    assert desk.post("/exports/approve/", {"export": own.pk}).status_code == 403
    assert take(desk, made).status_code == 404, "what one asked for another cannot take"

    assert "转运车辆调度" in desk.get("/exports/").content.decode()
    assert desk.post("/exports/approve/", {"export": made.pk}).status_code == 302
    assert len(rows_of(take(asker, made))) == 52
    assert Entry.objects.get(kind="export.approved").actor != Entry.objects.get(kind="export.taken").actor


def test_more_than_was_asked_for_never_leaves(met, client_as, monkeypatch):
    met(3)
    client = client_as("investigator")
    ask(client)
    met(60)
    assert take(client, Export.objects.get()).status_code == 422

    ask(client)
    late = Export.objects.order_by("-pk")[0]
    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(hours=25))
    assert take(client, late).status_code == 422


@pytest.fixture
def ill(city, at_noon):
    """Make cases of a district, each of whom was at the market once."""
    market = Place.objects.get(code="110106018-M01")

    def make(count, district="110106"):
        home = Place.objects.get(code=district)
        for number in range(count):
            person = enrol(
                Identity(name=f"邬小{number}", phone=f"1991{district}{number}"), place=home, relation="case", at=NOON
            )
            case = Case.objects.create(
                place=home, hazard="covid-19", person=person, reported_at=NOON, classification="confirmed",
                sex="F", age=31, onset_date=NOON.date(), occupation="farmer",
            )  # fmt: skip
            Stay.objects.create(place=home, case=case, visited=market, from_at=NOON, to_at=NOON)

    return make


def test_the_line_list_names_nobody_and_holds_what_an_epidemic_curve_needs(ill, client_as):
    ill(3)
    client = client_as("investigator")
    ask(client, kind="cases")
    header, *rows = rows_of(take(client, Export.objects.get()))

    assert len(rows) == 3
    assert "小" not in "".join(row[1] for row in rows)
    assert all(row[1].startswith("邬**") for row in rows)
    told = dict(zip(header, rows[0], strict=True))
    assert (told["性别"], told["年龄"], told["发病日期"], told["诊断分类"]) == ("女", "31", "2020-06-11", "确诊病例")
    assert Export.objects.get().tracks == 0


def test_every_stay_is_a_track_and_the_fifty_first_needs_a_second_person(ill, client_as):
    ill(50)
    client = client_as("investigator")
    ask(client, kind="stays")
    first = Export.objects.get()
    assert (first.tracks, first.second) == (50, False)
    assert len(rows_of(take(client, first))) == 51

    ill(51 - 50)
    ask(client, kind="stays")
    assert Export.objects.order_by("-pk")[0].second


def test_a_case_opened_in_an_emergency_is_read_and_not_taken(ill, client_as):
    ill(1)
    ill(1, "110102")
    other = Case.objects.get(place__code="110102")
    client = client_as("investigator")
    client.post("/emergency/open/", {"kind": "trace.case", "number": other.pk, "because": "深夜转运，辖区无人接听"})
    assert client.get(f"/trace/cases/{other.pk}/").status_code == 200

    ask(client, kind="cases")
    assert Export.objects.get().rows == 1
    ask(client, kind="stays")
    assert Export.objects.order_by("-pk")[0].rows == 1


def test_no_reason_no_list_and_nobody_exports_another_district_s(met, client_as):
    met(2)
    assert ask(client_as("investigator"), "  ").status_code == 422
    assert ask(client_as("investigator_xicheng")).status_code == 422, "there is nothing of theirs"
    for role in ("commander", "sentinel_nurse", "press", "lab"):
        assert ask(client_as(role)).status_code == 403
    assert not Export.objects.exists()


def test_many_exports_in_an_hour_are_told_to_the_auditor(met, client_as):
    met(2)
    client = client_as("investigator")
    for _ in range(exporting.OFTEN + 2):
        ask(client)
        assert take(client, Export.objects.order_by("-pk")[0]).status_code == 200

    assert Entry.objects.get(kind="export.unusual").body["taken"] == exporting.OFTEN


def test_taking_and_agreeing_are_confirmed_first(met, client_as, settings):
    met(2)
    ask(client_as("investigator"))
    settings.SIGN_IN_ENFORCED = True
    Role.objects.update(second_factor=False)
    made = Export.objects.get()

    assert take(client_as("investigator"), made)["Location"].startswith("/accounts/reauthenticate/")
    agreed = client_as("duty_officer").post("/exports/approve/", {"export": made.pk})
    assert agreed["Location"].startswith("/accounts/reauthenticate/")


def test_no_page_and_no_operation_writes_a_table_outside_the_door():
    writers = {"csv_bytes", "xlsx_bytes", "write_table", "write_columns", "Workbook"}
    guilty = set()
    for path in [*HOUSE.glob("server/**/*.py"), *HOUSE.glob("city/**/*.py"), *HOUSE.glob("mechanisms/**/*.py")]:
        where = path.relative_to(HOUSE).as_posix()
        if where.startswith("server/cli/"):
            continue
        source = path.read_text(encoding="utf-8")
        if not any(word in source for word in (*writers, "csv", "spreadsheetml")):
            continue
        tree = ast.parse(source)
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
        texts = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        serves = "attachment" in " ".join(texts) and any(
            "text/csv" in text or "spreadsheetml" in text for text in texts
        )
        if names & writers or ("csv" in names and "writer" in names) or serves:
            guilty.add(where)

    assert guilty == set(WRITES_TABLES)
    assert set(KINDS) == {"contacts", "cases", "stays"}, "a new list: say here that its names are masked"
