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
from citywatch.mechanisms.vault.forgetting import back_to_number, forget
from citywatch.mechanisms.vault.models import Export, Pseudonym
from citywatch.mechanisms.vault.pseudonyms import PERSON, PURPOSES, as_code, codes_for
from citywatch.mechanisms.vault.services import enrol
from citywatch.mechanisms.vault.types import Identity
from citywatch.server.exports.sheets import KINDS

RESPONSE, RESEARCH = PURPOSES["response"], PURPOSES["research"]
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


def ask(client, because="转运车辆调度", kind="contacts", purpose="response"):
    return client.post("/exports/ask/", {"kind": kind, "because": because, "purpose": purpose})


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
    assert "小" not in "".join(row[2] for row in rows)
    assert all(row[2] == "鄢**" or row[2] == "鄢***" for row in rows)
    assert all(row[-1].startswith(f"investigator #{made.pk} ") for row in rows)
    marks = {**exporting.marks("contacts", RESPONSE), 0: "0" * 32}
    assert whose([row[:-1] for row in rows], marks, column=8) == made.pk
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
    assert "小" not in "".join(row[2] for row in rows)
    assert all(row[2].startswith("邬**") for row in rows)
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


def taken(client, kind, purpose):
    """The rows of a list taken for a purpose, each by its headings."""
    assert ask(client, kind=kind, purpose=purpose).status_code == 302
    header, *rows = rows_of(take(client, Export.objects.order_by("-pk")[0]))
    return [dict(zip(header, row, strict=True)) for row in rows]


def test_lists_for_one_purpose_can_be_laid_side_by_side_and_those_for_two_cannot(ill, client_as):
    ill(3)
    client = client_as("investigator")
    research, later = taken(client, "cases", "research"), taken(client, "stays", "research")
    analysis = taken(client, "cases", "analysis")

    assert len({row["代号"] for row in research}) == 3
    assert {row["代号"] for row in research} == {row["代号"] for row in later}
    assert {row["代号"] for row in research}.isdisjoint(row["代号"] for row in analysis)
    assert taken(client, "cases", "authority")[0].keys() >= {"代号", "病例", "姓名（脱敏）"}


def test_a_de_identified_list_holds_no_number_no_name_no_minute_and_no_year_of_age(ill, met, client_as):
    ill(2)
    met(2)
    client = client_as("investigator")
    cases, stays, contacts = (taken(client, kind, "research") for kind in ("cases", "stays", "contacts"))

    for number, row in enumerate([*cases, *stays, *contacts]):
        told = " ".join(text for heading, text in row.items() if heading != "导出标识")
        assert "*" not in told, number
        assert not any(case.title in told for case in Case.objects.all()), told
        assert ":" not in told, told
        assert not {"编号", "姓名（脱敏）", "所属调查"} & row.keys()
    assert {row["年龄"] for row in cases} == {"30–34", ""}
    assert cases[0]["报告时间"] == stays[0]["到达"] == "2020-06-11"
    nameless = ("trace.case", Case.objects.get(person=None).pk)
    assert {row["病例"] for row in contacts} == {codes_for([nameless], purpose=RESEARCH)[nameless]}


def test_a_purpose_nobody_knows_is_refused_and_nothing_is_asked(ill, client_as):
    ill(1)
    for wrong in ("", "curiosity"):
        assert ask(client_as("investigator"), kind="cases", purpose=wrong).status_code == 422
    assert not Export.objects.exists()


def test_a_code_leads_back_on_record_and_to_nobody_once_forgotten(ill, client_as):
    ill(2)
    client = client_as("investigator")
    code = taken(client, "cases", "research")[0]["代号"]
    case = Case.objects.get(person=Pseudonym.objects.get(code=code).subject_id)
    typed = {"person": code.lower().replace("-", " ").replace("0", "o"), "purpose": "研究者发现异常"}

    assert as_code(typed["person"]) == code
    assert case.title in client.post("/find/person/", typed).content.decode()
    assert Entry.objects.get(kind="vault.sought").subject_id == case.person_id
    assert case.title not in client_as("investigator_xicheng").post("/find/person/", typed).content.decode()
    assert f'value="{code}" required' in client.post("/find/ask/", {"q": code}).content.decode(), "into no address"
    assert client.post("/find/person/", {"person": "7K3M-9XQU", "purpose": "x"}).status_code == 422

    other = Case.objects.exclude(pk=case.pk).get()
    assert (forget([case.person_id]).codes, back_to_number([other.person_id]).codes) == (1, 1)
    assert case.title not in client.post("/find/person/", typed).content.decode()
    assert not Pseudonym.objects.exists()


def test_a_code_drawn_twice_is_drawn_again(db, monkeypatch):
    drawn = iter(["A" * 12, "A" * 12, "B" * 12, "C" * 12])
    monkeypatch.setattr("citywatch.mechanisms.vault.pseudonyms._drawn", lambda: next(drawn))
    first = codes_for([(PERSON, 1)], purpose=RESEARCH)
    both = codes_for([(PERSON, 1), (PERSON, 2)], purpose=RESEARCH)

    assert (first[PERSON, 1], both[PERSON, 1], both[PERSON, 2]) == ("A" * 12, "A" * 12, "B" * 12)


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
