"""The journal remembers, in order, and cannot be rewritten."""

import pytest
from django.db import DatabaseError, connection, transaction
from tests.conftest import NOON

from citywatch.eventlog.expressions import table
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.export import catch_up, engine, rebuild, store
from citywatch.mechanisms.journal.models import Entry


def write(city, viewers, count=3):
    for number in range(count):
        journal.record("test.happened", place=city, by=viewers["duty_officer"], at=NOON, number=number)


def test_a_whole_chain_holds(city, viewers):
    write(city, viewers)

    assert journal.first_broken() is None


def test_an_entry_can_be_neither_changed_nor_deleted(city, viewers):
    write(city, viewers)

    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Entry.objects.filter(kind="test.happened").update(because="tidied")
    with pytest.raises(DatabaseError, match="never changed"), transaction.atomic():
        Entry.objects.filter(kind="test.happened").delete()


def test_an_entry_changed_behind_the_triggers_is_named(city, viewers):
    write(city, viewers)
    second = Entry.objects.filter(kind="test.happened")[1]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("DROP TRIGGER journal_no_update")
        else:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with deferred checks pending cannot be altered
            cursor.execute("ALTER TABLE journal_entry DISABLE TRIGGER ALL")
        cursor.execute("UPDATE journal_entry SET because = 'tidied' WHERE id = %s", [second.pk])

    assert journal.first_broken() == f"{second.writer}:{second.seq}"


def test_a_follower_sees_every_entry_once_even_when_it_was_killed_in_between(city, viewers):
    write(city, viewers)
    seen = []

    def killed(entries):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        journal.follow("reader", killed, kinds={"test.happened"})
    journal.follow("reader", seen.extend, kinds={"test.happened"})
    journal.follow("reader", seen.extend, kinds={"test.happened"})

    assert [entry.body["number"] for entry in seen] == [0, 1, 2]


def exported():
    found = engine().run(table("entries"), store().pin())
    return sorted(zip(found["writer"].tolist(), found["seq"].tolist(), strict=True))


def test_the_log_holds_each_entry_once_and_can_be_rebuilt(city, viewers):
    write(city, viewers)
    catch_up()
    write(city, viewers, count=2)
    catch_up()
    grown = exported()

    rebuild()
    catch_up()

    assert exported() == grown
    assert grown == sorted(Entry.objects.values_list("writer", "seq"))


def test_two_exporters_that_take_turns_neither_lose_an_entry_nor_double_a_count(city, viewers, monkeypatch):
    from citywatch.mechanisms.journal import export

    def submission(number):
        journal.record(
            "submitted.symptom-registration", place=city, by=viewers["duty_officer"], at=NOON, stream="symptom",
            findings=[], home_place=None, person_id=None, occurred_on=NOON.date(), corrects=None, count=1,
            number=number,
        )  # fmt: skip

    memories = {"web": {}, "worker": {}}

    def exported_by(process):
        monkeypatch.setattr(export, "_known", memories[process])
        catch_up()

    write(city, viewers, count=1)
    exported_by("web")
    write(city, viewers, count=1)
    exported_by("worker")
    submission(1)
    exported_by("web")
    exported_by("worker")
    write(city, viewers, count=1)
    exported_by("worker")
    exported_by("web")

    assert exported() == sorted(Entry.objects.values_list("writer", "seq"))
    assert len(engine().run(table("counts"), store().pin())["submission"]) == 1


def test_a_rebuild_under_a_running_exporter_doubles_nothing(city, viewers, monkeypatch):
    from citywatch.mechanisms.journal import export

    running = {}
    monkeypatch.setattr(export, "_known", running)
    write(city, viewers, count=1)
    catch_up()
    write(city, viewers, count=2)
    monkeypatch.setattr(export, "_known", {})
    rebuild()
    write(city, viewers, count=1)
    monkeypatch.setattr(export, "_known", running)
    catch_up()

    assert exported() == sorted(Entry.objects.values_list("writer", "seq"))
