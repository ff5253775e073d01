"""The first outbreak, from the market's first signals to signed orders, through the pages, on the whole demo city."""

import io
import json
import re
from collections import Counter
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.test import Client
from django.urls import reverse
from docx import Document
from tests.stories.pages import questions

from citywatch.city.registry.queries import place_by_code
from citywatch.city.report import queries as report
from citywatch.city.respond import queries as respond
from citywatch.city.trace import queries as trace
from citywatch.city.warn import desk
from citywatch.city.warn import queries as warn
from citywatch.city.warn.types import Sought
from citywatch.eventlog.expressions import table
from citywatch.mechanisms import clock
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Account
from citywatch.mechanisms.jurisdiction.services import viewer_for
from citywatch.mechanisms.lifecycle.models import Clock
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.server.demo import build, replay, story
from citywatch.simulation.identities import identity

pytestmark = pytest.mark.story

FALSE_PROPOSALS_A_DAY = 3.0
"""More than this from an ordinary city and nobody reads them (the peers' complaint is thousands a week)."""
MOST_QUESTIONS = 15


@pytest.fixture(scope="module")
def told(django_db_setup, django_db_blocker, tmp_path_factory):
    """The demo city of Beijing, replayed through the doors up to T + 15 minutes; undone at the end."""
    log = django_settings.CITYWATCH_LOG
    with django_db_blocker.unblock():
        django_settings.CITYWATCH_LOG = tmp_path_factory.mktemp("story-log")
        of = story.SETTINGS["beijing"]
        unfinished = transaction.atomic()
        unfinished.__enter__()
        clock.rewind_to(clock.start_of(of.first_day))
        city, outbreak = story.tell(of)
        build.lay_out(of, city)
        replay.send(of, city, outbreak, after=clock.start_of(of.first_day), until=of.opens_at)
        yield of, city, outbreak, django_settings.CITYWATCH_LOG
        transaction.set_rollback(True)
        unfinished.__exit__(None, None, None)
        django_settings.CITYWATCH_LOG = log


@pytest.fixture
def city(told, db, settings, monkeypatch):
    """The told city, at the moment the visitor arrives."""
    settings.CITYWATCH_LOG = told[3]
    settings.CITYWATCH_CITY = "beijing"
    clock.rewind_to(told[0].opens_at)
    return told


def signed_in(username):
    client = Client(headers={"accept-language": "zh-hans"})
    client.force_login(Account.objects.get(username=username))
    return client


def viewer(username):
    return viewer_for(Account.objects.get(username=username), at=clock.now())


def market_street(city):
    return city[1].plan.market_street


def proposals(city, *, since=None, until=None):
    found = Entry.objects.filter(kind="warn.proposal_raised").select_related("place")
    if since:
        found = found.filter(at__gte=since)
    if until:
        found = found.filter(at__lt=until)
    return list(found)


def test_the_weeks_before_raise_few_false_proposals(city):
    of = city[0]
    quiet_from, quiet_until = clock.start_of(of.first_day + timedelta(days=10)), of.first_positive - timedelta(days=5)
    days = (quiet_until - quiet_from) / timedelta(days=1)

    raised = proposals(city, since=quiet_from, until=quiet_until)

    assert 0 < len(raised) / days <= FALSE_PROPOSALS_A_DAY


def test_the_market_is_signalled_before_the_first_positive(city):
    of = city[0]

    before = proposals(city, since=of.first_positive - timedelta(days=5), until=of.first_positive)

    streets = Counter(entry.place.code for entry in before)
    assert streets[market_street(city)] >= 1


def test_every_row_that_was_sent_is_accounted_for(city):
    of, _, outbreak, _ = city
    sent = sum(len(batch.rows) for batch in outbreak.batches if batch.sent_at <= of.opens_at)
    receipts = Receipt.objects.filter(state="processed").exclude(form__in=["lab-result", "visits"])

    counted = [
        sum(column) for column in zip(*receipts.values_list("rows", "stored", "duplicate", "quarantined"), strict=True)
    ]

    assert counted[0] == sent == counted[1] + counted[2] + counted[3]
    assert counted[3] == 0


def test_no_identity_stands_outside_the_vault(city):
    _, simulated, outbreak, _ = city
    index = identity(simulated, outbreak.truth.index_person)
    told = "\n".join(json.dumps(body, ensure_ascii=False) for body in Entry.objects.values_list("body", flat=True))
    kept = "\n".join(
        json.dumps(answers, ensure_ascii=False) for answers in Submission.objects.values_list("answers", flat=True)
    )

    for secret in (index["id_number"], index["phone"], index["address"]):
        assert secret not in told
        assert secret not in kept


def test_the_log_can_be_rebuilt_from_the_journal(city):
    def counted():
        found = export.engine().run(table("counts"), export.store().pin())
        columns = sorted(found)
        return Counter(zip(*(found[name].tolist() for name in columns), strict=True))

    grown = counted()
    export.rebuild()

    assert counted() == grown
    assert len(grown) > 10_000


def test_the_first_outbreak_from_signal_to_signed_order(city):  # noqa: PLR0915 - a story is long
    of, _, outbreak, _ = city
    duty, commander, district, press = (signed_in(name) for name in ("duty", "commander", "district", "press"))

    # The desk: one red proposal on top, its half-hour clock running.
    (red, *_), _ = desk.inbox(viewer("duty"), Sought(level="red")).rows, None
    inbox = duty.get(reverse("warn:inbox")).content.decode()
    assert str(red.facts.place.zh) in inbox
    assert red.facts.first_positive_at == of.first_positive
    assert duty.get(reverse("warn:proposal", args=[red.facts.id])).status_code == 200

    # Advancing before the desk has done its part is refused with what to do.
    refused = duty.post(reverse("demo:advance"), {"step": "t14"})
    assert refused.status_code == 422
    assert "核实" in refused.content.decode()

    # Verify, alert, investigate.
    verified = duty.post(
        reverse("warn:act", args=[red.facts.id]), {"move": "verify", "because": "实验室已复核，医院电话核实"}
    )
    (event,) = warn.open_events(viewer("duty"))
    assert verified["Location"] == reverse("warn:event", args=[event.id])
    published = duty.post(reverse("warn:publish", args=[event.id]), {"level": "red", "because": "56天后首例本地病例"})
    assert published.status_code in {302, 303}
    duty.post(reverse("trace:open", args=[event.id]), {"because": "首例确诊，立即流调"})
    investigation = trace.investigation_for_event(event.id)
    assert investigation is not None

    # The night goes on.
    assert duty.post(reverse("demo:advance"), {"step": "t14"}).status_code == 302
    assert clock.now() >= of.first_positive + timedelta(hours=14)
    ranked = trace.ranking(viewer("duty"), investigation)
    hall, market = outbreak.truth.source_place_code
    assert ranked[0].code in {hall, market}
    assert ranked[0].cases >= 6
    dossier = duty.get(reverse("trace:investigation", args=[investigation])).content.decode()
    assert ranked[0].name.zh in dossier

    # The risk point, within sixteen hours of the first positive.
    duty.post(
        reverse("trace:publish", args=[investigation]),
        {"place_id": ranked[0].place_id, "because": ranked[0].because.zh},
    )
    (lock,) = Clock.objects.filter(code="source-lock")
    assert lock.stopped_at is not None
    assert lock.stopped_at - lock.started_at <= timedelta(hours=16)
    assert lock.started_at == of.first_positive

    # Command: a level by rule, decided by a person; orders to those who must act.
    (incident,) = respond.open_incidents(viewer("commander"))
    page = commander.get(reverse("respond:incident", args=[incident.id])).content.decode()
    assert "响应" in page
    commander.post(
        reverse("respond:decide", args=[incident.id]), {"level": "II", "because": "市场关联聚集，社区传播风险"}
    )
    commander.post(reverse("respond:issue_all", args=[incident.id]))
    issued = [order for order in respond.orders(viewer("commander"), incident.id) if order.state == "issued"]
    assert len(issued) >= 3

    # The district signs its own, and cannot reach another's.
    own = [order for order in respond.orders_to_sign(viewer("district")) if order.state == "issued"]
    assert own
    district.post(reverse("respond:order_move", args=[own[0].id]), {"move": "sign"})
    states = {order.id: order.state for order in respond.orders(viewer("commander"), incident.id)}
    assert states[own[0].id] == "signed"
    mine = {order.id for order in respond.orders(viewer("district"))}
    foreign = next((order.id for order in issued if order.id not in mine), None)
    if foreign is not None:
        assert district.post(reverse("respond:order_move", args=[foreign]), {"move": "sign"}).status_code in {403, 404}

    # The sheet agrees with the screen, the document and the log; the press sees no small number.
    export.catch_up()
    sheet = report.situation(viewer("commander"), clock.now())
    shown = duty.get(reverse("report:situation")).content.decode()
    document = Document(io.BytesIO(duty.get(reverse("report:situation_docx")).content))
    written = "\n".join(cell.text for each in document.tables for row in each.rows for cell in row.cells)
    figures = {figure.rule.code: figure for figure in sheet.figures}
    positives = sum(
        result.row["result"] == "positive" and result.sent_at <= clock.now() for result in outbreak.lab_results
    )
    assert figures["positives"].total == positives
    for figure in sheet.figures:
        assert re.search(rf">\s*{figure.total}\s*<", shown), figure.rule.code
        assert str(figure.total) in written, figure.rule.code
    assert commander.get(reverse("report:command")).status_code == 200
    assert press.get(reverse("report:press")).status_code == 200
    assert press.get(reverse("trace:investigations")).status_code == 403

    # And the audit trail holds through all of it.
    assert journal.first_broken() is None
    kinds = set(Entry.objects.values_list("kind", flat=True))
    assert {"warn.event_verified", "warn.alert_published", "trace.risk_point_published"} <= kinds
    assert place_by_code(market)

    # Nowhere in all this does a page ask the database more than a handful of questions.
    for role in ("duty", "district", "commander", "nurse", "lab", "press"):
        for path, number in questions(signed_in(role)):
            assert number <= MOST_QUESTIONS, (role, path)
