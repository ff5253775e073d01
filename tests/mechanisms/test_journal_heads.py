"""What the chain cannot say of itself: that its end is its end, and that the database still guards it."""

import json

import pytest
from django.db import DatabaseError, connection, transaction
from tests.conftest import NOON

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import guards, heads
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry


@pytest.fixture
def write(city, viewers):
    def write(count=3):
        for number in range(count):
            journal.record("test.happened", place=city, by=viewers["duty_officer"], at=NOON, number=number)

    return write


def behind_the_triggers(statement, values=()):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for name in guards.NAMED["sqlite"]:
                cursor.execute(f"DROP TRIGGER {name}")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with deferred checks pending cannot be altered
            cursor.execute("ALTER TABLE journal_entry DISABLE TRIGGER ALL")
        cursor.execute(statement, values)


def test_a_cut_tail_leaves_the_chain_whole_and_is_named_by_the_heads_written_down(write, tmp_path):
    write()
    heads.export([tmp_path], at=NOON)
    last = Entry.objects.order_by("-seq").first()
    behind_the_triggers("DELETE FROM journal_entry WHERE id = %s", [last.pk])

    assert journal.first_broken() is None
    assert heads.first_missing(tmp_path / heads.FILE) == f"{last.writer}:{last.seq}"


def test_a_journal_rewritten_from_its_first_entry_is_found_too(write, tmp_path):
    write()
    heads.export([tmp_path], at=NOON)
    behind_the_triggers("SELECT 1")
    previous = None
    for entry in Entry.objects.order_by("seq"):
        entry.because, entry.previous = "nothing to see", previous or entry.previous
        entry.digest = previous = journal.digest_of(entry)
        entry.save()

    assert journal.first_broken() is None
    assert heads.first_missing(tmp_path / heads.FILE) is not None


def test_only_what_moved_is_written_and_each_place_catches_up_by_itself(write, tmp_path):
    here, away = tmp_path / "here", tmp_path / "away"
    write()
    assert heads.export([here], at=NOON) is not None
    assert heads.export([here], at=NOON) is None
    write()
    root = heads.export([here, away], at=NOON)

    assert [len(heads.read(folder / heads.FILE)) for folder in (here, away)] == [2, 1]
    assert heads.read(away / heads.FILE)[-1].root == root == heads.root_of(journal.heads())
    assert heads.first_missing(here / heads.FILE) is None


def test_a_line_half_written_by_a_power_cut_is_written_again(write, tmp_path):
    write()
    heads.export([tmp_path], at=NOON)
    file = tmp_path / heads.FILE
    file.write_text(file.read_text() + '{"at": "20')
    write()
    heads.export([tmp_path], at=NOON)

    assert len(heads.read(file)) == 2
    assert heads.first_missing(file) is None


def test_a_file_of_heads_that_was_changed_is_not_believed(write, tmp_path):
    for _ in range(2):
        write()
        heads.export([tmp_path], at=NOON)
    file = tmp_path / heads.FILE
    first, second = file.read_text().splitlines()
    file.write_text(json.dumps(json.loads(first) | {"root": "0"}) + f"\n{second}\n")

    with pytest.raises(Refusal, match="line 2"):
        heads.read(file)
    with pytest.raises(Refusal, match="no file"):
        heads.read(tmp_path / "none")


def test_the_database_refuses_to_replace_or_empty_the_journal(write):
    write()
    kept = list(Entry.objects.values_list("pk", "digest"))
    if connection.vendor == "sqlite":
        columns = ", ".join(field.column for field in Entry._meta.concrete_fields if field.name != "because")
        tidied = f"INSERT OR REPLACE INTO journal_entry ({columns}, because) SELECT {columns}, 'x' FROM journal_entry"
    else:
        tidied = "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE journal_entry"

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(tidied)
    assert list(Entry.objects.values_list("pk", "digest")) == kept


def test_guards_that_were_taken_away_disabled_or_rewritten_are_missed(db):
    assert guards.missing() == []
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER journal_no_update")
            cursor.execute("CREATE TRIGGER journal_no_update BEFORE UPDATE ON journal_entry BEGIN SELECT 1; END")
            assert guards.missing() == ["journal_no_update"]
        else:
            cursor.execute("ALTER TABLE journal_entry DISABLE TRIGGER journal_no_truncate")
            assert guards.missing() == ["journal_no_truncate"]
            cursor.execute("CREATE OR REPLACE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                           "$$ BEGIN RETURN NEW; END $$")  # fmt: skip
            assert guards.missing() == ["journal_no_change", "journal_no_truncate"]
