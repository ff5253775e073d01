"""Many messages at once leave the rows that one after the other would have left."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Event
from time import sleep

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from tests.city.reports import card, fever, id_number, message, result, sale, symptom
from tests.conftest import NOON

from citywatch.mechanisms.errors import Conflict, NotAllowed, Refusal
from citywatch.mechanisms.forms import together
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.forms.services import decode_json, submit_message, submit_messages
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.journal.services import first_broken
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.models import BlindIndex, KnownAt, Person, SealedIdentity
from citywatch.server import forms

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("city")]
CENTRE, STATION, PHARMACY, HOSPITAL, LAB = (
    "110106018-C01", "110106024-S01", "110106018-P01", "110106018-H01", "110106018-L01"
)  # fmt: skip
REGISTRATION = "symptom-registration"


class Post:
    """Messages as they come in, a minute apart."""

    def __init__(self):
        self.messages = []

    def __call__(self, site, form, *rows, key=None, abilities=("sense.submit", "lab.result")):
        at = NOON + timedelta(minutes=len(self.messages))
        place = Place.objects.get(code=site)
        self.messages.append(
            forms.message(
                form, message(*rows), channel="api", site=place, source=site, message_id=key or f"m-{at:%H%M}",
                sent_at=at, by=machine(f"sender:{site}", place=place, abilities=abilities), at=at,
            )
        )  # fmt: skip


@pytest.fixture
def post():
    return Post()


@pytest.fixture
def ordinary(post):
    post(CENTRE, REGISTRATION, *[symptom(n, home_street="110106024") for n in range(1, 6)])
    post(PHARMACY, "pharmacy-sale", *[sale(n) for n in range(1, 9)])
    post(HOSPITAL, "fever-clinic-visit", fever(11), fever(12))
    post(HOSPITAL, "report-card", card(1))
    post(LAB, "lab-result", result("S200610000011"))
    post(STATION, "zero-report", {"stream": "symptom", "day": "2020-06-10"})
    return post.messages


@pytest.fixture
def intertwined(ordinary, post):
    """What one message says of another's people, rows and cards."""
    vault.surrogates([id_number(21)], at=NOON - timedelta(days=1))
    post(CENTRE, REGISTRATION, symptom(2, home_street="110106024"), symptom(6, temperature="48"), symptom(7))
    post(STATION, REGISTRATION, symptom(2, phone="19911112222", home_street="999999999"), symptom(2, address="某路2号"))
    post(STATION, REGISTRATION, symptom(21))  # known by number alone until now
    post(HOSPITAL, "report-card", card(1, card_type="2", case_class="1"))
    post(HOSPITAL, "report-card", card(1, card_type="2", case_class="1", age="31"), card(2))
    post(CENTRE, REGISTRATION, symptom(10, id_number=""))
    post(CENTRE, REGISTRATION, symptom(10, id_number="", onset_date="2020-06-10"))  # known by name and telephone
    return post.messages


@pytest.fixture
def disputed(intertwined, post):
    """A number under two names, twice over."""
    post(STATION, REGISTRATION, symptom(8, id_number=id_number(7)))
    post(STATION, REGISTRATION, symptom(8, id_number=id_number(7)), symptom(9))
    post(CENTRE, REGISTRATION, symptom(9), symptom(22))
    return post.messages


@pytest.fixture
def repeated(disputed):
    """The same with two messages sent again."""
    again = [replace(one, at=one.at + timedelta(hours=1)) for one in (disputed[0], disputed[-1])]
    return [*disputed[:4], again[0], *disputed[4:], again[1]]


def held():
    """Everything the messages left, without the numbers a database gives."""
    person = {pk: n for n, pk in enumerate(Person.objects.order_by("pk").values_list("pk", flat=True))} | {None: None}
    rows = list(Submission.objects.select_related("receipt", "place", "home_place").order_by("pk"))
    name = {row.pk: (row.receipt.message_id, row.receipt.source, row.row) for row in rows} | {None: None}

    def told(entry):
        body = dict(entry.body)
        known = (person[body.pop("person_id")], name[body.pop("corrects")], body.pop("receipt") > 0, body.pop("person"))
        return entry.kind, entry.place.code, entry.at, entry.actor, name[entry.subject_id], body, known[:3]

    same = ("form", "version", "stream", "occurred_at", "occurred_on", "reported_at", "recorded_at", "answers",
            "findings", "count", "natural_key", "revision_key")  # fmt: skip
    counts = ("source", "message_id", "channel", "form", "place__code", "digest", "received_at", "sent_at", "state",
              "rows", "stored", "duplicate", "quarantined")  # fmt: skip
    return {
        "receipts": sorted(Receipt.objects.values_list(*counts)),
        "rows": [
            (name[row.pk], person[row.person_id], row.place.code, row.home_place and row.home_place.code,
             name[row.corrects_id], [getattr(row, field) for field in same])
            for row in rows
        ],
        "waiting": sorted(QuarantinedRow.objects.values_list("receipt__message_id", "number", "why_zh", "why_en")),
        "journal": [told(entry) for entry in Entry.objects.select_related("place").order_by("pk")],
        "people": [vault.unsealed([pk])[pk] for pk in person if pk],
        "enrolled": list(Person.objects.order_by("pk").values_list("enrolled_at", flat=True)),
        "statements": [
            (person[one], at) for one, at in SealedIdentity.objects.order_by("pk").values_list("person", "recorded_at")
        ],
        "index": sorted(
            (kind, mark, by, person[one])
            for kind, mark, by, one in BlindIndex.objects.values_list("kind", "blind", "name_blind", "person")
        ),
        "known": sorted(
            (person[one], code, why)
            for one, code, why in KnownAt.objects.values_list("person", "place__code", "relation")
        ),
    }  # fmt: skip


def one_by_one(messages):
    """What they leave one by one, undone again."""
    with transaction.atomic():
        told = [outcome_of(submit_message(one)) for one in messages]
        left = held()
        transaction.set_rollback(True)
    return told, left


def outcome_of(outcome):
    return outcome.rows, len(outcome.stored), outcome.duplicate, outcome.quarantined, outcome.repeat


@pytest.mark.parametrize("which", ["ordinary", "intertwined", "disputed", "repeated"])
def test_together_they_leave_the_same_rows_entries_people_and_answers(request, which):
    messages = request.getfixturevalue(which)
    told, left = one_by_one(messages)

    outcomes = submit_messages(messages)

    assert [outcome_of(outcome) for outcome in outcomes] == told
    now = held()
    assert {part: now[part] for part in left} == left
    assert first_broken() is None


def test_a_row_that_repeats_a_refused_one_of_another_message_is_refused_as_well(disputed):
    again = submit_messages(disputed)[-2]

    assert (again.rows, len(again.stored), again.duplicate, again.quarantined) == (2, 1, 0, 1)


@pytest.mark.parametrize("which", ["ordinary", "intertwined"])
def test_a_message_among_others_costs_few_statements(request, which):
    messages = request.getfixturevalue(which)

    with CaptureQueriesContext(connection) as asked:
        submit_messages(messages)

    assert len(asked) < 5 * len(messages)


def test_messages_sent_again_answer_as_the_first_time(ordinary):
    first = submit_messages(ordinary)

    again = submit_messages(ordinary)

    assert all(outcome.repeat for outcome in again)
    assert [outcome.stored for outcome in again] == [outcome.stored for outcome in first]


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (lambda post: post(CENTRE, REGISTRATION, symptom(31), abilities=()), NotAllowed),
        (lambda post: post(CENTRE, REGISTRATION, symptom(31), key="m-0400"), Conflict),
        (lambda post: post(CENTRE, REGISTRATION, symptom(31), "no row"), Refusal),
    ],
)
def test_one_that_is_refused_leaves_nothing_of_the_others(ordinary, post, spoil, refusal):
    spoil(post)

    with pytest.raises(refusal), transaction.atomic():
        submit_messages(post.messages)

    assert not Receipt.objects.exists()
    assert not Entry.objects.filter(kind__startswith="submitted.").exists()


def arrived_together(messages):
    waiting = [together.Waiting(one) for one in messages]
    together.store_group(waiting)
    return waiting


@pytest.mark.parametrize("which", ["ordinary", "intertwined", "disputed", "repeated"])
def test_those_that_arrive_at_the_same_time_are_answered_as_if_they_had_come_in_turn(request, which):
    messages = request.getfixturevalue(which)
    told, left = one_by_one(messages)

    waiting = arrived_together(messages)

    assert [outcome_of(one.outcome) for one in waiting] == told
    now = held()
    assert {part: now[part] for part in left} == left
    assert first_broken() is None


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (lambda post: post(CENTRE, REGISTRATION, symptom(31), key="m-0400"), Conflict),
        (lambda post: post(CENTRE, REGISTRATION, symptom(31), "no row"), Refusal),
    ],
)
def test_one_that_is_refused_takes_nobody_with_it_and_its_bytes_stay(ordinary, post, spoil, refusal):
    spoil(post)

    *others, last = arrived_together(post.messages)

    assert all(one.outcome and one.fault is None for one in others)
    assert isinstance(last.fault, refusal)
    assert last.outcome is None
    assert Receipt.objects.filter(state="processed").count() == len(others)
    assert Receipt.objects.filter(state="refused").count() == 1


def test_the_bytes_of_all_are_kept_before_a_row_is_read(ordinary, monkeypatch):
    there = []

    def look(body):
        there.append(Receipt.objects.count())
        return decode_json(body)

    arrived_together([replace(one, decode=look) for one in ordinary])

    assert there == [len(ordinary)] * len(ordinary)


def test_inside_a_transaction_of_the_caller_a_message_waits_for_nobody(ordinary, monkeypatch):
    monkeypatch.setattr(together, "store_group", None)

    outcome = together.submit_with_others(ordinary[0])

    assert len(outcome.stored) == outcome.rows


def test_who_arrives_while_others_are_stored_goes_with_the_next_group_and_hears_of_their_own(ordinary, monkeypatch):
    groups, first_is_in, may_end = [], Event(), Event()

    def slowly(group):
        groups.append([one.message.message_id for one in group])
        if len(groups) == 1:
            first_is_in.set()
            may_end.wait(10)
        for one in group:
            one.fault = Conflict(one.message.message_id, zh="")

    monkeypatch.setattr(together, "store_group", slowly)
    with ThreadPoolExecutor(len(ordinary)) as senders:
        asked = {senders.submit(together.submit_with_others, ordinary[0]): ordinary[0]}
        assert first_is_in.wait(10)
        asked |= {senders.submit(together.submit_with_others, one): one for one in ordinary[1:]}
        while len(together._line) < len(ordinary) - 1:
            sleep(0.01)
        may_end.set()
        heard = {one.message_id: str(answer.exception(10)) for answer, one in asked.items()}

    assert [len(group) for group in groups] == [1, len(ordinary) - 1]
    assert all(number == said for number, said in heard.items())
