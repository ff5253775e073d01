"""An outbreak in two districts, and every page, door and model walked with each role: nobody sees the other's people.

The people of each district bear family names that nobody else bears, so one character on a page gives a leak away.
"""

import json
import re
from datetime import timedelta

import pytest
from django.urls import reverse
from tests.architecture.test_every_model_and_url import OURS, ROWS_OF_A_PLACE
from tests.city.reports import fever, id_number, message, picture, result, symptom
from tests.conftest import NOON

from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Account, Opening, Place
from citywatch.mechanisms.vault.models import Export

FENGTAI, XICHENG = "110000/110106/", "110000/110102/"
SITES = {FENGTAI: ("110106018-C01", "110106018-H01"), XICHENG: ("110102009-K01", "110102009-K01")}
STREETS = {FENGTAI: "110106018", XICHENG: "110102009"}
FAMILY = {FENGTAI: "鄢", XICHENG: "訾"}
AREA = {FENGTAI: "110106", XICHENG: "110102"}
BARCODE = {FENGTAI: "SFTFTFT1", XICHENG: "SXCXCXC1"}
CITY_WIDE = {"warn.Run", "warn.WatchDecision"}
"""Rows about the whole city, of no district."""
ROLES = ("investigator", "investigator_xicheng", "sentinel_nurse", "lab", "commander", "duty_officer", "press")
OPENS_ITS_OWN = {"sense:settle"}
"""Pages that show an identity on purpose, journaled, to the site that sent it."""


def person(district, number):
    return {
        "name": f"{FAMILY[district]}小明{number}",
        "id_number": id_number(number, area=AREA[district]),
        "phone": f"1780000{number:04d}",
        "home_street": STREETS[district],
    }


@pytest.fixture
def told(city, viewers, at_noon):
    """The same story twice, once in each district, through the services."""
    for order, district in enumerate((FENGTAI, XICHENG)):
        _reports(district)
        _work(district, viewers, order)
    return city


def _reports(district):
    from citywatch.city.sense import photos
    from citywatch.server import forms, wiring

    def send(form, code, *rows, channel="api", source="", key=""):
        forms.submit(
            form, message(*rows), channel=channel, site=Place.objects.get(code=code), source=source or code,
            message_id=key or f"{form}-{code}", sent_at=NOON, by=_sender(code), at=NOON,
        )  # fmt: skip

    primary, clinic = SITES[district]
    send("symptom-registration", primary, symptom(1, **person(district, 1)), symptom(2, **person(district, 2), age="x"))
    page = {"channel": "form", "source": f"page:{primary}", "key": "t" * 16 + "-1"}
    send("symptom-registration", primary, symptom(5, **person(district, 5)), **page)
    send("fever-clinic-visit", clinic, fever(3, **person(district, 3), sample_barcode=BARCODE[district]))
    send("lab-result", clinic, result(BARCODE[district], "positive"))  # tested in the district's own house
    photos.take("p" * 16, "t" * 16, picture(), site=Place.objects.get(code=primary), by=_sender(primary), at=NOON)
    wiring.catch_up()


def _sender(code):
    from citywatch.mechanisms.jurisdiction.services import machine

    return machine("sender", place=Place.objects.get(code=code), abilities=["sense.submit", "lab.result"])


def _work(district, viewers, order):
    from citywatch.city.registry.services import add_sites
    from citywatch.city.respond import services as respond
    from citywatch.city.respond.models import Incident
    from citywatch.city.trace import services as trace
    from citywatch.city.trace.models import Case, Contact, Verdict
    from citywatch.city.trace.types import CaseListed, ContactTold, CoreTold, LinkListed, StayTold
    from citywatch.city.warn import desk
    from citywatch.city.warn import services as warn
    from citywatch.city.warn.models import Run, Signal, WatchDecision
    from citywatch.mechanisms.jurisdiction.services import machine
    from citywatch.mechanisms.vault.holds import place_hold
    from citywatch.mechanisms.vault.types import Identity
    from citywatch.server import wiring

    duty, commander = viewers["duty_officer"], viewers["commander"]
    investigator = viewers["investigator" if district == FENGTAI else "investigator_xicheng"]
    street, own = Place.objects.get(code=STREETS[district]), Place.objects.get(path=district)
    proposal = warn.raise_red(hazard=f"h{order}", sample_id=900 + order, street_code=street.code, at=NOON)
    Signal.objects.create(
        place=street, fingerprint=f"f{order}", family="ears", stream="symptom", syndrome="fever", by="reporting",
        first_day=NOON.date(), last_day=NOON.date(), observed=5, expected=1, upper=3, score=4, raised_at=NOON,
        proposal_id=proposal,
    )  # fmt: skip
    event = warn.verify(proposal, by=duty, at=NOON, because="电话核实")
    warn.publish_alert(event, level="red", by=duty, at=NOON, because="核实")
    wiring.catch_up()
    investigation = trace.open_investigation(event, by=duty, at=NOON, because="核实")
    case = Case.objects.get(sample_barcode=BARCODE[district])
    met = person(district, 4)
    trace.record_interview(
        case.pk,
        stays=[StayTold(STREETS[FENGTAI] + "-M01-1", NOON, NOON)],
        contacts=[
            ContactTold(Identity(name=met["name"], id_number=met["id_number"]), "close", "household", NOON, NOON)
        ],
        core=CoreTold(onset_date=NOON.date()),
        by=investigator,
        at=NOON,
    )
    # There is no verb for a visit nobody scanned, so the answer to one is written as the row it becomes.
    Verdict.objects.create(
        place=case.place, case=case, visited=street, from_at=NOON, to_at=NOON, said="denied", said_at=NOON
    )
    add_sites([_committee(STREETS[district])])
    trace.ask_visits([Contact.objects.get(case=case).pk], f"{STREETS[district]}-G01", by=investigator, at=NOON)
    titled = {"place": own, "title": f"list {district}", "by": investigator, "at": NOON}
    listed = [CaseListed(f"{FAMILY[district]}-{n}", onset_date=NOON.date()) for n in (1, 2)]
    trace.import_line_list(listed, hazard="mers", **titled)
    trace.import_contacts([LinkListed(listed[0].label, listed[1].label)], **titled)
    trace.publish_risk_point(investigation, street.pk, by=duty, at=NOON, because="病例共同到过")
    incident = Incident.objects.get(event_id=event)
    respond.decide_level(incident.pk, "IV", by=commander, at=NOON, because="首例")
    respond.issue_orders(incident.pk, by=commander, at=NOON)
    wiring.catch_up()
    desk.save_view(f"view {district}", "level=red", by=investigator, at=NOON)
    keeper = machine("keeper", place=own, abilities=["vault.hold"])
    place_hold(own, because="诉讼", ordered_by="法院", until=NOON + timedelta(days=30), by=keeper, at=NOON)
    Opening.objects.create(
        place=own, account=Account.objects.get(username="nobody"), kind="trace.case", number=case.pk, because="急",
        opened_at=NOON, until=NOON + timedelta(hours=4),
    )  # fmt: skip
    Export.objects.create(
        place=own, account=Account.objects.get(username="nobody"), kind="contacts", because="车辆调度", rows=51,
        tracks=51, second=True, asked_at=NOON, mark=f"{order:032x}",
    )  # fmt: skip
    Run.objects.get_or_create(place=Place.objects.get(kind="city"), at=NOON)
    WatchDecision.objects.get_or_create(
        place=Place.objects.get(kind="city"), detector="C3", method="ears-c3", enabled=False, valid_from=NOON.date(),
        because="误报过多", decided_at=NOON, decided_by=duty.actor,
    )  # fmt: skip


def _committee(street):
    from citywatch.city.registry.services import NewSite

    return NewSite(
        f"{street}-G01", street, "institution", "居委会", "Committee", 116.3, 39.8,
        institution_kind="committee", streams=("visit",),
    )  # fmt: skip


def objects():
    """For each name an address uses for a number: the model whose rows it numbers."""
    from citywatch.city.lab.models import Sample
    from citywatch.city.respond.models import Incident, Order
    from citywatch.city.sense.models import Photo
    from citywatch.city.trace.models import Case, Contact, Investigation, Visiting
    from citywatch.city.warn.models import DeskView, HealthEvent, Proposal
    from citywatch.mechanisms.forms.models import Submission
    from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt

    return {
        "case_id": Case, "contact_id": Contact, "investigation_id": Investigation, "event_id": HealthEvent,
        "proposal_id": Proposal, "incident_id": Incident, "order_id": Order, "sample_id": Sample,
        "row_id": QuarantinedRow, "receipt_id": Receipt, "submission_id": Submission, "view_id": DeskView,
        "photo_id": Photo, "visiting_id": Visiting,
    }  # fmt: skip


def addresses(client):
    """(name, address, model, number) of every page and every API path, with every number that exists."""
    numbered = objects()
    for name, pattern in OURS:
        keys = list(pattern.pattern.converters)
        number = next((key for key in keys if key.endswith("_id")), None)
        words = {key: _word(key) for key in keys if key != number}
        if number is None:
            yield name, reverse(name, kwargs=words), None, None
        else:
            for pk in numbered[number].objects.values_list("pk", flat=True):
                yield name, reverse(name, kwargs={**words, number: pk}), numbered[number], pk
    for listed in client.get("/api/openapi.json").json()["paths"]:
        number = next(iter(re.findall(r"\{(\w+_id)\}", listed)), None)
        path = re.sub(r"\{(\w+)\}", lambda key, own=number: key[0] if key[1] == own else _word(key[1]), listed)
        if number is None:
            yield path, path, None, None
        else:
            for pk in numbered[number].objects.values_list("pk", flat=True):
                yield path, path.replace(f"{{{number}}}", str(pk)), numbered[number], pk


def _word(key):
    return {"move": "close", "suffix": "csv"}.get(key, "symptom-registration")


def secrets_of(district):
    people = [person(district, number) for number in (1, 2, 3, 4)]
    return [one[field] for one in people for field in ("name", "id_number", "phone")]


def body_of(answer):
    if answer.streaming and answer.is_async:  # a live desk tells one number and has no end
        return b""
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_each_district_sees_rows_of_its_own_and_none_of_the_other(told, viewers):
    for model in ROWS_OF_A_PLACE:
        label = model._meta.label
        assert not model.objects.visible_to(viewers["nobody"]).exists()
        if label in CITY_WIDE:
            assert model.objects.exists()
            continue
        for own, other in ((FENGTAI, XICHENG), (XICHENG, FENGTAI)):
            assert model.objects.filter(place__path__startswith=own).exists(), f"the story makes no {label}"
            viewer = viewers["investigator" if own == FENGTAI else "investigator_xicheng"]
            for ability in {model.VIEW, "sense.view", "journal.read"}:
                seen = model.objects.visible_to(viewer, ability)
                assert not seen.filter(place__path__startswith=other).exists(), label
        nurse = model.objects.visible_to(viewers["sentinel_nurse"]).select_related("place")
        assert all(row.place.code == "110106018-C01" for row in nurse), label


@pytest.mark.parametrize("role", ROLES)
def test_no_page_and_no_door_names_a_person_or_shows_another_district_s(role, told, viewers, client_as):
    client, viewer = client_as(role), viewers[role]
    foreign = {"investigator": XICHENG, "sentinel_nurse": XICHENG, "investigator_xicheng": FENGTAI}.get(role)
    looked = 0
    for name, url, model, pk in addresses(client):
        answer = client.get(url)
        assert answer.status_code in {200, 302, 303, 403, 404, 405, 422}, (url, answer.status_code)
        text = body_of(answer).decode("utf-8", "replace")
        text += json.dumps(json.loads(text), ensure_ascii=False) if text.startswith(("{", "[")) else ""
        looked += answer.status_code == 200
        if name not in OPENS_ITS_OWN:
            for secret in (*secrets_of(FENGTAI), *secrets_of(XICHENG)):
                assert secret not in text, f"{url} tells {role} {secret}"
        if foreign:
            for mark in (FAMILY[foreign], BARCODE[foreign]):
                assert mark not in text, f"{url} shows {role} {mark}"
        if model is not None and not model.objects.visible_to(viewer).filter(pk=pk).exists():
            assert answer.status_code in {302, 403, 404, 405, 422}, f"{url} answers {role} {answer.status_code}"
    assert looked > 3


@pytest.mark.parametrize("role", ["investigator_xicheng", "sentinel_nurse", "lab", "press"])
def test_what_a_stranger_posts_to_another_district_s_things_changes_nothing(role, told, viewers, client_as):
    from citywatch.city.lab.models import Sample

    client, viewer = client_as(role), viewers[role]
    posted = {
        "because": "because", "purpose": "look", "level": "I", "move": "close", "kind": "close", "ground": "judgement",
        "place_id": Place.objects.get(code=STREETS[FENGTAI]).pk, "days": "5", "classification": "confirmed",
        "recipient": "district_team", "place": "110106", "text": "do", "within": "2", "hours": "2",
    }  # fmt: skip
    before = Entry.objects.count()
    for _, url, model, pk in addresses(client):
        if model is None or model is Sample:
            continue
        row = model.objects.select_related("place").get(pk=pk)
        if not row.place.path.startswith(FENGTAI) or model.objects.visible_to(viewer).filter(pk=pk).exists():
            continue
        for move in ("close", "transfer"):
            for more in ({}, {"content_type": "application/json"}):
                answer = client.post(url, {**posted, "move": move}, **more)
                assert answer.status_code in {403, 404, 405, 422}, (url, answer.status_code)
    assert Entry.objects.count() == before
