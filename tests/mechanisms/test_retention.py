"""Everything has its time; what is past it goes, what is needed or held stays, and a paper says so."""

import json
from datetime import timedelta

import numpy as np
import pytest
from django.apps import apps
from tests.city.reports import id_number, message, symptom
from tests.conftest import NOON

from citywatch.city.sense import services as sense
from citywatch.eventlog.segments import Batch
from citywatch.mechanisms import clock
from citywatch.mechanisms.clock import day_of
from citywatch.mechanisms.errors import NotAllowed, Refusal
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.export import store
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.retention import alarm, certificate, purging, report
from citywatch.mechanisms.retention.rules import RULES, keeps
from citywatch.mechanisms.vault import holds
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.models import BlindIndex, Person, SealedIdentity
from citywatch.mechanisms.vault.seen import naming
from citywatch.mechanisms.vault.types import Identity
from citywatch.server import keeping

DAY = timedelta(days=1)
YEAR = keeps("patient-identity", day_of(NOON))


@pytest.fixture
def clinic(city):
    return Place.objects.get(code="110106018-C01")


@pytest.fixture
def operator(city):
    return machine("operator", place=city, abilities=["vault.purge", "vault.hold", "vault.rotate"])


@pytest.fixture
def report_of(clinic, viewers):
    """A patient reported by a clinic at a moment; gives the person."""

    def report_of(number, *, at=NOON, **more):
        sense.submit(
            "symptom-registration", message(symptom(number, **more)), channel="api", site=clinic, source="his",
            message_id=f"m-{number}", sent_at=at, by=viewers["sentinel_nurse"], at=at,
        )  # fmt: skip
        return Submission.objects.order_by("-pk").first().person

    return report_of


@pytest.fixture
def expire(city, operator, tmp_path):
    def expire(at):
        return purging.run_clocks(
            keeping.MENTIONS, keeping.SWEEPERS, by=operator, at=at, place=city, folder=tmp_path / "certificates"
        )

    return expire


@pytest.fixture
def purge(city, operator, tmp_path):
    def purge(*people, because="court order 17"):
        return purging.purge(
            [person.pk for person in people], because=because, by=operator, at=NOON + DAY, place=city,
            folder=tmp_path / "certificates",
        )  # fmt: skip

    return purge


def seen_on(day, *people):
    columns = {
        "person": np.array([person.pk for person in people], dtype=np.int32),
        "place": np.ones(len(people), dtype=np.int32),
        "minute_in": np.full(len(people), 60, dtype=np.int32),
        "minute_out": np.full(len(people), 90, dtype=np.int32),
        "source": np.full(len(people), "gate", dtype=object),
    }
    store().append_together([Batch("visits", columns, day=day, batch_id=f"b-{day}")])


def is_forgotten(person):
    return (
        Person.objects.get(pk=person.pk).wrapped_key is None
        and not SealedIdentity.objects.filter(person=person).exists()
        and not BlindIndex.objects.filter(person=person).exists()
    )


def test_every_model_that_names_a_person_stands_under_a_clock():
    found = {f"{model._meta.app_label}.{model.__name__}" for model, _ in naming()}
    own = {"vault.SealedIdentity", "vault.BlindIndex", "vault.KnownAt", "vault.LegalHold"}

    assert found - own == {mention.model for mention in keeping.MENTIONS}
    assert all(apps.get_model(mention.model)._meta.get_field(mention.at) for mention in keeping.MENTIONS)
    assert {mention.rule for mention in keeping.MENTIONS} <= {rule.code for rule in RULES}


def test_an_identity_goes_when_its_last_report_is_old_enough_and_not_a_day_before(report_of, expire):
    old, fresh = report_of(1), report_of(2, at=NOON + 30 * DAY)

    expire(NOON + YEAR)
    assert not is_forgotten(old)
    paper = expire(NOON + YEAR + DAY)

    assert is_forgotten(old)
    assert not is_forgotten(fresh)
    assert (paper["people"], paper["destroyed"]["own_keys"]) == (1, 1)
    assert Submission.objects.count() == 2  # the counts stay
    assert expire(NOON + YEAR + DAY) is None


def test_who_comes_again_after_being_forgotten_is_somebody_new_and_is_known(report_of, expire, viewers):
    first = report_of(1)
    expire(NOON + YEAR + DAY)
    again = vault.enrol(
        Identity(name="某甲", id_number=id_number(1)), place=Place.objects.get(code="110106018-C01"),
        relation="reporting", at=NOON + YEAR + 2 * DAY,
    )  # fmt: skip

    assert again.pk != first.pk
    opened = vault.open_identities([again.pk], by=viewers["investigator"], purpose="流调", at=NOON)
    assert opened[again.pk].name == "某甲"


def test_somebody_whose_visits_are_still_in_the_log_keeps_the_number_and_nothing_else(report_of, expire, clinic):
    person = report_of(1)
    later = NOON + YEAR + DAY
    seen_on(day_of(later), person)

    expire(later)

    assert not SealedIdentity.objects.filter(person=person).exists()
    assert vault.surrogates([id_number(1)], at=later) == {id_number(1): person.pk}
    named = vault.enrol(Identity(name="改名", id_number=id_number(1)), place=clinic, relation="treating", at=later)
    assert named.pk == person.pk  # should they fall ill now, their fortnight is found


def test_old_days_of_visits_go_and_the_people_seen_only_there_with_them(expire, clinic):
    number = vault.surrogates([id_number(5)], at=NOON)[id_number(5)]
    seen_on(day_of(NOON), Person.objects.get(pk=number))
    kept = keeps("visits", day_of(NOON))

    assert expire(NOON + kept) is None
    paper = expire(NOON + kept + DAY)

    assert paper["destroyed"]["visit_days"] == 1
    assert not store().days("visits")
    expire(NOON + kept + 2 * DAY)
    assert is_forgotten(Person.objects.get(pk=number))


def test_a_message_loses_its_bytes_and_key_and_keeps_its_proof(report_of, expire):
    report_of(1)
    receipt = Receipt.objects.get()

    expire(NOON + keeps("messages", day_of(NOON)) + DAY)

    gone = Receipt.objects.get()
    assert (bytes(gone.sealed), gone.wrapped_key) == (b"", None)
    assert (gone.digest, gone.rows, gone.stored) == (receipt.digest, 1, 1)
    with pytest.raises(receipts.Gone) as refused:
        receipts.body_of(gone)
    assert "hash" in refused.value.sentence


def test_what_still_waits_for_a_person_or_a_process_is_never_destroyed_by_a_clock(clinic, expire):
    receipts.take(b"1", source="a", message_id="1", channel="api", form="f", place=clinic, sent_at=NOON, at=NOON)
    done, _ = receipts.take(
        b"2", source="a", message_id="2", channel="api", form="f", place=clinic, sent_at=NOON, at=NOON
    )
    receipts.quarantine(done, [(1, {"name": "张甲"}, Label("缺项", "missing"))])

    expire(NOON + 5 * YEAR)

    assert Receipt.objects.filter(destroyed_at__isnull=True).count() == 2
    assert receipts.values_of(QuarantinedRow.objects.get()) == {"name": "张甲"}
    waiting = {one.rule.code: one.waits for one in keeping.standings(NOON + 5 * YEAR)}
    assert (waiting["messages"], waiting["quarantine"]) == (2, 1)


def test_a_legal_hold_stops_the_clocks_of_a_place_until_it_is_lifted(report_of, expire, operator, clinic):
    person = report_of(1)
    later = NOON + YEAR + DAY
    hold = holds.place_hold(
        clinic, because="lawsuit", ordered_by="丰台法院 2020-17", until=later + YEAR, by=operator, at=NOON
    )

    assert expire(later) is None
    assert not is_forgotten(person)
    held = {one.rule.code: one.held for one in keeping.standings(later)}
    assert (held["patient-identity"], held["messages"]) == (1, 1)

    holds.lift_hold(hold.pk, because="settled", by=operator, at=later)
    expire(later)
    assert is_forgotten(person)
    assert Entry.objects.filter(kind__in=["vault.hold_placed", "vault.hold_lifted"]).count() == 2


def test_a_hold_on_one_person_keeps_that_person_and_what_they_were_sent_in(report_of, expire, operator, clinic):
    kept, other = report_of(1), report_of(2)
    holds.place_hold(
        clinic, person=kept, because="lawsuit", ordered_by="court", until=NOON + 5 * YEAR, by=operator, at=NOON
    )

    expire(NOON + YEAR + DAY)

    assert (is_forgotten(kept), is_forgotten(other)) == (False, True)
    assert [r.message_id for r in Receipt.objects.filter(destroyed_at__isnull=True)] == ["m-1"]


def test_work_that_is_not_done_keeps_the_person(report_of, expire, clinic):
    from citywatch.city.sense.models import Hold

    person = report_of(1)
    hold = Hold.objects.create(
        place=clinic, person=person, barcode="S1", submission=Submission.objects.get(), started_at=NOON
    )
    expire(NOON + 2 * YEAR)
    assert not is_forgotten(person)

    Hold.objects.filter(pk=hold.pk).update(state=next(iter(Hold.LIFECYCLE.done)))
    expire(NOON + 2 * YEAR)
    assert is_forgotten(person)


def test_a_purge_by_order_leaves_no_byte_and_no_way_back_and_touches_nobody_else(report_of, purge, viewers, tmp_path):
    gone, other = report_of(1, phone="13911112222"), report_of(2)
    before = {model: model.objects.count() for model in (Submission, Person, Receipt)}

    paper = purge(gone)

    assert is_forgotten(gone)
    assert vault.find(id_number=id_number(1)) is None
    assert vault.find(id_number=id_number(2)) == other.pk
    assert {model: model.objects.count() for model in before} == before
    assert set(paper["rows"]) == {"vault_sealedidentity", "vault_blindindex"}
    assert paper["destroyed"]["messages"] == 1
    assert (paper["looked_for"] > 4, paper["found"]) == (True, 0)
    assert vault.open_identities([other.pk], by=viewers["investigator"], purpose="流调", at=NOON)[other.pk].name
    assert journal.first_broken() is None
    (file,) = (tmp_path / "certificates").glob("*.json")
    written = json.loads(file.read_text())
    assert certificate.holds(written)
    assert not certificate.holds({**written, "people": 2})
    assert Entry.objects.get(kind="vault.purge_certified").body["certificate"] == certificate.digest_of(written)


def test_a_purge_by_order_is_refused_while_somebody_is_needed(report_of, purge, operator, clinic):
    person = report_of(1)
    hold = holds.place_hold(
        clinic, person=person, because="lawsuit", ordered_by="court", until=NOON + YEAR, by=operator, at=NOON
    )
    with pytest.raises(Refusal) as refused:
        purge(person)
    assert "legal hold" in refused.value.sentence
    holds.lift_hold(hold.pk, because="settled", by=operator, at=NOON)
    receipt = Receipt.objects.get()
    receipts.quarantine(receipt, [(9, {"id_number": id_number(1)}, Label("缺项", "missing"))])
    with pytest.raises(Refusal) as refused:
        purge(person)
    assert "waits to be mended" in refused.value.sentence
    assert not is_forgotten(person)


def test_a_mistyped_number_purges_nobody(report_of, purge):
    person = report_of(1)

    with pytest.raises(Refusal) as refused:
        purge(person, Person(pk=99999))
    assert "check the numbers" in refused.value.sentence
    assert not is_forgotten(person)


def test_nobody_purges_without_the_right_to(report_of, viewers, city):
    person = report_of(1)

    with pytest.raises(NotAllowed):
        purging.purge([person.pk], because="x", by=viewers["commander"], at=NOON, place=city, folder=None)
    assert not is_forgotten(person)


def test_the_alarm_is_silent_while_the_job_runs_and_speaks_when_it_does_not(report_of, expire):
    report_of(1)
    due = NOON + keeps("messages", day_of(NOON))

    assert keeping.overdue(due + timedelta(hours=25)) == {}
    assert keeping.overdue(due + timedelta(hours=27)) == {"messages": 1}
    expire(due + timedelta(hours=27))
    assert keeping.overdue(due + timedelta(hours=27)) == {}


def test_the_alarm_is_said_once_for_the_desk_to_read_and_taken_back_once(report_of, expire, monkeypatch):
    report_of(1)
    late = NOON + keeps("messages", day_of(NOON)) + timedelta(hours=27)
    monkeypatch.setattr(clock, "now", lambda: late)
    keeping.tell_overdue()
    keeping.tell_overdue()

    standing = alarm.still_here()
    assert standing.place.kind == Place.Kind.CITY
    assert standing.body["classes"] == {"messages": 1}
    assert alarm.sentence(standing).en.startswith("Past its time and still here: Messages as they came.")
    expire(late)
    keeping.tell_overdue()
    keeping.tell_overdue()
    assert alarm.still_here() is None
    kinds = Entry.objects.filter(kind__startswith="retention.").order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == [alarm.OVERDUE, alarm.IN_TIME]


def test_the_report_says_what_will_be_due_within_a_month(report_of):
    report_of(1)
    soon = {one.rule.code: one.soon for one in keeping.standings(NOON + YEAR - 10 * DAY)}

    assert soon["patient-identity"] == 1
    assert soon["case-identity"] == 0
    assert report.SOON == 30 * DAY


def test_bytes_that_are_still_there_are_found(tmp_path, db):
    from citywatch.mechanisms.retention.scrubbing import found_again

    (tmp_path / "segment").write_bytes(b"x" * 5000 + b"13911112222" + b"y")

    assert found_again([b"13911112222", b"13900000000"], folders=[tmp_path]) == [b"13911112222"]
