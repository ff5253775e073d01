"""The command as a person at a terminal meets it: real processes, exit codes, one line when something is refused."""

import os
import sqlite3
from importlib.util import find_spec

import pytest
from tests.city.reports import symptom
from tests.cli.conftest import SITE, Installation
from tests.shared import SHARED, needs_shared

from citywatch.interop.tables.write import xlsx_bytes
from citywatch.server.forms import form

LISTS = SHARED / "data" / "linelists" if SHARED else None


def one_line(text):
    return text.strip().count("\n") == 0 and bool(text.strip())


def sql(installation, *statements):
    database = sqlite3.connect(installation.home / "citywatch.sqlite3")
    try:
        found = [database.execute(statement).fetchall() for statement in statements]
        database.commit()
        return found[-1]
    finally:
        database.close()


def test_a_new_installation_has_no_account_and_its_sign_in_page_opens(empty):
    assert sql(empty, "SELECT count(*) FROM jurisdiction_account") == [(0,)]
    shown = empty.run(
        "manage", "shell", "-v0", "-c",
        "from django.test import Client; page = Client().get('/accounts/login/', follow=True, secure=True);"
        "print(page.status_code, 'name=\"password\"' in page.content.decode())",
    )  # fmt: skip
    assert shown.out.split() == ["200", "True"], shown.err


def test_the_first_administrator_needs_a_city_that_there_is(empty):
    for arguments in ((), ("--city", "atlantis")):
        told = empty.run("admin", "create", *arguments)
        assert (told.code, one_line(told.err)) == (2, True), told
        assert "--city beijing or --city xiamen" in told.err


def test_the_first_administrator_is_made_once_and_the_password_shown_once(founded):
    first = (founded.home / "told.txt").read_text()
    again = founded.run("admin", "create", "--city", "xiamen")

    username, password = first.split()[:2]
    assert username == "admin"
    assert len(password) >= 16
    assert (again.code, again.out) == (2, "")
    assert one_line(again.err)
    assert password not in again.err
    assert sql(founded, "SELECT count(*) FROM jurisdiction_account") == [(3,)]
    assert sql(founded, "SELECT count(*) FROM jurisdiction_account WHERE is_superuser") == [(0,)]
    stored = (founded.home / "citywatch.sqlite3").read_bytes()
    assert password.encode() not in stored


def test_the_doctor_names_each_ill_and_its_cure_and_is_content_when_they_are_mended(empty, founded):
    ill = empty.run("doctor")
    assert ill.code == 2
    assert "MEND  A city is laid out" in ill.out
    assert "admin create" in ill.out

    secret = founded.home / "keys" / "django.key"
    secret.chmod(0o644)
    sql(founded, "DROP TRIGGER journal_no_update")
    spoilt = founded.run("doctor")
    assert spoilt.code == 2
    assert "chmod 600 django.key" in spoilt.out
    assert "MEND  The database itself refuses changes to the journal" in spoilt.out

    secret.chmod(0o600)
    assert founded.run("manage", "migrate", "-v0", "--fake", "journal", "0001").code == 0
    assert founded.run("manage", "migrate", "-v0", "journal").code == 0
    well = founded.run("doctor")
    assert (well.code, well.err) == (0, "")
    assert "MEND" not in well.out


def test_an_entry_changed_behind_the_triggers_is_named_by_verify_journal(founded, tmp_path):
    rows = tmp_path / "rows.csv"
    write_csv(rows, symptom(1), symptom(2))
    assert founded.run("import", "form", rows, "--form", "symptom-registration", "--site", SITE).code == 0
    heads = founded.run("verify-journal")
    ends = [line.split() for line in heads.out.splitlines()]
    assert (heads.code, [len(end) for end in ends], ends[-1][0]) == (0, [3, 3, 2], "root")

    sql(founded, "DROP TRIGGER journal_no_update", "UPDATE journal_entry SET because = 'tidied' WHERE seq = 2")
    broken = founded.run("verify-journal")
    assert (broken.code, one_line(broken.err)) == (2, True)
    assert ":2;" in broken.err


def write_csv(path, *rows, encoding="gb18030", more=()):
    asked = [q for q in form("symptom-registration").questions if any(q.name in row for row in rows)]
    lines = [[q.label.zh for q in asked] + [name for name, _ in more]]
    lines += [[row.get(q.name, "") for q in asked] + [value for _, value in more] for row in rows]
    path.write_bytes("\r\n".join(",".join(cells) for cells in lines).encode(encoding))


def test_a_clinics_spreadsheet_is_checked_stored_once_and_its_bad_rows_named(founded, tmp_path):
    csv_file, xlsx_file = tmp_path / "登记.csv", tmp_path / "登记.xlsx"
    write_csv(csv_file, symptom(1), symptom(2, temperature="48"), symptom(3))
    asked = form("symptom-registration").questions
    cells = [[row.get(q.name, "") for q in asked] for row in (symptom(3), symptom(4))]
    xlsx_file.write_bytes(xlsx_bytes([q.label.zh for q in asked], cells))
    to = ("--form", "symptom-registration", "--site", SITE)

    dry = founded.run("import", "form", csv_file, *to, "--dry-run")
    assert dry.code == 0
    assert "row 3 temperature: 48 lies outside" in dry.out
    assert "3 rows read, 1 with problems; nothing stored" in dry.out
    assert sql(founded, "SELECT count(*) FROM receipts_receipt") == [(0,)]
    first, again = (founded.run("import", "form", csv_file, *to) for _ in range(2))
    assert "3 rows received: 2 stored, 0 duplicate, 1 quarantined" in first.out
    assert "row 3: Temperature (°C): 48 lies outside" in first.out
    assert "imported before" in again.out
    book = founded.run("import", "form", xlsx_file, *to)
    assert "2 rows received: 1 stored, 1 duplicate, 0 quarantined" in book.out
    assert sql(founded, "SELECT count(*) FROM forms_submission") == [(3,)]


def test_files_and_names_that_make_no_sense_are_refused_in_one_line(founded, tmp_path):
    strange, cut, text = tmp_path / "strange.csv", tmp_path / "cut.xlsx", tmp_path / "rows.txt"
    write_csv(strange, symptom(1), more=[("鞋码", "42")])
    cut.write_bytes(b"PK\x03\x04 not a workbook")
    text.write_text("x")
    to = ("--form", "symptom-registration", "--site", SITE)
    tries = {
        "no column 鞋码": ("import", "form", strange, *to),
        "not a whole Excel workbook": ("import", "form", cut, *to),
        "no known format": ("import", "form", text, *to),
        "code 'nowhere'": ("import", "form", strange, "--form", "symptom-registration", "--site", "nowhere"),
        "No such command 'nonsense'": ("nonsense",),
        # Without the extra the sentence says what to install, with it what to start.
        "citywatch[cluster]" if find_spec("pyspark") is None else "start it": (
            "--engine",
            "spark://nowhere:7077",
            "watch",
        ),
        "is not a time": ("watch", "--at", "yesterday"),
    }
    for words, arguments in tries.items():
        told = founded.run(*arguments)
        assert (told.code, one_line(told.err)) == (2, True), (arguments, told)
        assert words in told.err, (words, told.err)
    assert sql(founded, "SELECT count(*) FROM forms_submission") == [(0,)]


def test_a_run_for_a_past_moment_prints_a_table_and_stores_nothing(founded):
    told = founded.run("watch", "--at", "2020-06-10T08:00")

    assert told.code == 0
    assert told.out.startswith("stream\tsyndrome\tstreet")
    assert "nothing stored" in told.err
    assert sql(founded, "SELECT count(*) FROM warn_run") == [(0,)]


@needs_shared
def test_a_real_line_list_and_its_contacts_come_in_and_coming_again_change_nothing(founded, tmp_path):
    to = ("--map", "mers-korea-2015", "--place", "350206", "--title", "MERS Korea 2015")
    people, links = LISTS / "mers_korea_2015_linelist.csv", LISTS / "mers_korea_2015_contacts.csv"

    dry = founded.run("import", "line-list", people, *to, "--dry-run")
    assert "162 cases read: 162 would be stored" in dry.out
    for stored, same in ((162, 0), (0, 162)):
        told = founded.run("import", "line-list", people, *to)
        assert f"162 cases read: {stored} stored, 0 changed, {same} the same" in told.out
    assert "98 links read: 98 stored" in founded.run("import", "contacts", links, *to).out

    odd = tmp_path / "odd.csv"
    text = people.read_text(encoding="utf-8")
    odd.write_text(text.replace(",Alive,", ",Better,", 2), encoding="utf-8")
    unknown = founded.run("import", "line-list", odd, *to)
    assert (unknown.code, one_line(unknown.err)) == (2, True)
    assert "outcome 'Better' (row 2, 2 rows)" in unknown.err
    odd.write_text(text.replace("dt_onset", "when", 1), encoding="utf-8")
    missing = founded.run("import", "line-list", odd, *to)
    assert (missing.code, "dt_onset" in missing.err) == (2, True)


def test_an_environment_that_makes_no_sense_is_refused_in_one_line(tmp_path):
    installation = Installation(tmp_path / "home")
    for environment in ({"CITYWATCH_MODE": "holiday"}, {"PORT": "http"}, {"DATABASE_URL": "mysql://x/y"}):
        told = installation.run("watch", **environment)
        assert (told.code, one_line(told.err)) == (2, True), told
        assert next(iter(environment)) in told.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_the_doctor_says_when_the_folder_cannot_be_written(founded):
    founded.home.chmod(0o500)
    try:
        assert "can be written" in founded.run("doctor").out
    finally:
        founded.home.chmod(0o700)
