"""The issue's path through the API alone, the manners of every operation, and the page that describes them."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from tests.city.reports import fever, message, result, symptom
from tests.conftest import NOON

from citywatch.mechanisms import clock
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.jurisdiction.models import MachineKey, Place
from citywatch.mechanisms.jurisdiction.services import issue_key
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.server import wiring

pytestmark = pytest.mark.django_db
SITE, HOSPITAL, LAB = "110106018-C01", "110106018-H01", "110106018-L01"
REFUSALS = {"401", "403", "404", "409", "422"}


@pytest.fixture
def city_clock(monkeypatch):
    """City time stands until a test moves it."""
    moment = [NOON]
    monkeypatch.setattr(clock, "now", lambda: moment[0])

    def forward(**span):
        moment[0] += timedelta(**span)

    return forward


@pytest.fixture
def key(city):
    """A machine key of a site, as a caller."""

    def of(code, *abilities):
        token = issue_key(name="HIS", place=Place.objects.get(code=code), abilities=list(abilities), at=NOON)
        return Caller(Client(headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"}))

    return of


@pytest.fixture
def person(client_as):
    """Somebody signed in, as a caller."""

    def of(role):
        client = client_as(role)
        client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
        return Caller(client)

    return of


class Caller:
    """Requests to /api/ with JSON in and out."""

    def __init__(self, client):
        self.client = client

    def get(self, path, expect=200):
        return self._told(self.client.get(f"/api{path}"), expect)

    def post(self, path, content=None, expect=200, **headers):
        body = content if isinstance(content, bytes) else json.dumps(content or {})
        answer = self.client.post(f"/api{path}", body, content_type="application/json", headers=headers)
        return self._told(answer, expect)

    def send(self, form, *rows, message_id="m-1", expect=201, site=""):
        path = f"/forms/{form}/batches" + (f"?site={site}" if site else "")
        return self.post(path, message(*rows), expect, **{"Idempotency-Key": message_id})

    @staticmethod
    def _told(answer, expect):
        assert answer.status_code == expect, (answer.status_code, answer.content.decode()[:500])
        return answer.json() if answer.content else None


def test_a_key_is_told_of_a_repeat_of_other_content_of_another_site_and_of_broken_text(key, city_clock):
    system = key(SITE, "sense.submit", "sense.view", "receipt.view")
    first = system.send("symptom-registration", symptom(1), symptom(2, temperature="48"))

    assert (first["stored"], first["quarantined"]) == (1, 1)
    assert system.send("symptom-registration", symptom(1), symptom(2, temperature="48"), expect=200)["repeat"]
    assert "already used" in system.send("symptom-registration", symptom(3), expect=409)["detail"]
    assert system.send("symptom-registration", symptom(3), expect=403, site="110106024-S01")["detail"]
    broken = system.post("/forms/symptom-registration/batches", b"{", 422, **{"Idempotency-Key": "m-2"})
    assert "not JSON" in broken["detail"]
    assert system.send("no-such-form", symptom(3), expect=404)["detail"]
    (waiting,) = system.get("/quarantine")
    assert waiting["row"] == 2
    assert "48 lies outside" in waiting["why_en"]
    assert system.get(f"/receipts/{first['receipt']}")["state"] == "processed"


def test_a_key_is_asked_for_anew_with_every_report(key, city_clock):
    system, other = key(SITE, "sense.submit"), key(HOSPITAL, "sense.submit")
    system.send("symptom-registration", symptom(1))

    MachineKey.objects.filter(place__code=SITE).update(abilities=["sense.view"])
    system.send("symptom-registration", symptom(2), message_id="m-2", expect=403)
    MachineKey.objects.filter(place__code=SITE).update(abilities=["sense.submit"], revoked_at=NOON)
    system.send("symptom-registration", symptom(2), message_id="m-2", expect=401)
    other.send("symptom-registration", symptom(2))

    assert set(Receipt.objects.values_list("place__code", "message_id")) == {(SITE, "m-1"), (HOSPITAL, "m-1")}


def test_a_quarantined_row_is_mended_or_given_up_over_the_api(key, city_clock):
    system = key(SITE, "sense.submit", "receipt.view")
    system.send("symptom-registration", symptom(1, temperature="48"), symptom(2, sex="?"))
    first, second = (one["id"] for one in system.get("/quarantine"))

    assert system.post(f"/quarantine/{first}/mend", {"values": symptom(1)})["stored"] == 1
    system.post(f"/quarantine/{second}/drop", {"because": "registered twice"}, 204)

    assert system.get("/quarantine") == []
    assert system.post(f"/quarantine/{second}/drop", {"because": "again"}, 404)["detail"]


def test_characters_no_database_can_hold_put_a_row_in_quarantine_and_lose_nothing(key, city_clock):
    system = key(SITE, "sense.submit", "receipt.view")
    rows = [symptom(1), symptom(2, name="张\x00甲"), symptom(3, sex="\x00"), symptom(4, name="\ud800"), {"a\x00": "b"}]
    body = json.dumps({"rows": rows}).encode()

    told = system.post("/forms/symptom-registration/batches", body, 201, **{"Idempotency-Key": "m-1"})

    assert (told["rows"], told["stored"], told["quarantined"]) == (5, 1, 4)
    assert QuarantinedRow.objects.count() == 4


def test_forms_describe_their_rows_and_coverage_names_who_is_silent(key, person, city_clock):
    system = key(SITE, "sense.submit", "sense.view")
    system.send("symptom-registration", symptom(1))
    schema = system.get("/forms/symptom-registration")

    assert set(symptom()) <= set(schema["properties"])
    assert "lab-result" in {one["code"] for one in system.get("/forms")}
    assert system.get("/forms/nothing", 404)["detail"]
    assert (system.get("/coverage?day=2020-06-10")["reported"], system.get("/coverage")["expected"]) == (1, 1)
    assert person("duty_officer").get("/coverage?day=2020-06-10")["expected"] > 1
    assert person("press").get("/coverage", 403)["detail"]


def test_the_registry_tells_places_institutions_and_diseases(person, city_clock):
    duty = person("duty_officer")

    assert "110106" in {one["code"] for one in duty.get("/registry/places")}
    assert {one["kind"] for one in duty.get("/registry/places?below=110106018-M01")} == {"hall"}
    assert duty.get(f"/registry/places/{SITE}")["street_code"] == "110106018"
    assert duty.get("/registry/places/nowhere", 404)["detail"]
    assert {one["code"] for one in person("sentinel_nurse").get("/registry/institutions")} == {SITE}
    assert "3900" in {one["code"] for one in duty.get("/registry/diseases")}
    assert person("nobody").get("/registry/places", 403)["detail"]


def test_the_first_outbreak_through_the_api_from_a_fever_visit_to_a_signed_order(  # noqa: PLR0915 - a story
    key, person, city_clock
):
    clinic, laboratory = key(HOSPITAL, "sense.submit", "sense.view"), key(LAB, "sense.submit", "lab.result", "lab.view")
    duty, investigator, commander = person("duty_officer"), person("investigator"), person("commander")

    # sense and lab: visits hold people, results end the holds, a positive wakes the desk
    clinic.send("fever-clinic-visit", *[fever(n) for n in (1, 2, 3)])
    assert len(clinic.get("/holds")) == len(duty.get("/lab/samples")) == 3
    codes = [fever(n)["sample_barcode"] for n in (1, 2, 3)]
    laboratory.send("lab-result", result(codes[0]), result(codes[1], "positive"), result(codes[2], "positive"))
    wiring.catch_up()
    assert duty.get("/lab/samples") == clinic.get("/holds") == []
    assert {one["state"] for one in duty.get("/lab/results")} == {"negative", "positive"}

    # warn: one red proposal, its evidence, verified, published
    (red,) = duty.get("/warn/proposals?level=red")["proposals"]
    assert red["positives"] == 2
    assert duty.get(f"/warn/proposals/{red['id']}/evidence")["clocks"][0]["code"] == "proposal-red"
    assert investigator.post(f"/warn/proposals/{red['id']}/verify", {"because": "checked"}, 403)["detail"]
    assert duty.post(f"/warn/proposals/{red['id']}/verify", {"because": ""}, 422)["detail"]
    event = duty.post(f"/warn/proposals/{red['id']}/verify", {"because": "laboratory confirmed"})["id"]
    assert duty.post(f"/warn/proposals/{red['id']}/verify", {"because": "again"}, 409)["detail"]
    duty.post(f"/warn/events/{event}/alerts", {"level": "red", "because": "first local cases"}, 201)
    assert duty.get("/warn/events")[0]["id"] == event
    wiring.catch_up()

    # trace: open, interview, rank, publish
    city_clock(hours=2)
    number = duty.post("/trace/investigations", {"event_id": event, "because": "search"}, 201)["id"]
    dossier = investigator.get(f"/trace/investigations/{number}")
    assert len(dossier["cases"]) == 2
    for case in dossier["cases"]:
        told = investigator.post(f"/trace/cases/{case['id']}/interview", interview())
        assert told["state"] == "complete"
    (contact, *_) = investigator.get(f"/trace/cases/{dossier['cases'][0]['id']}/contacts")
    beyond = {"core": {"sex": "other", "age": 10**9}}
    assert investigator.post(f"/trace/cases/{dossier['cases'][0]['id']}/interview", beyond, 422)["detail"]
    investigator.post(f"/trace/contacts/{contact['id']}/moves", {"move": "notify"}, 204)
    many = investigator.post("/trace/contacts/moves", {"contacts": [contact["id"], 10**6], "move": "transfer"})
    assert (many["moved"], [one["contact"] for one in many["refused"]]) == ([contact["id"]], [10**6])
    since = {"isolated_at": "2020-06-01T08:00:00+08:00"}
    assert investigator.post(f"/trace/cases/{dossier['cases'][0]['id']}/isolation", since)["became_close"] == 0
    lock = duty.get(f"/trace/investigations/{number}/source-lock")
    assert (lock["limit_hours"], lock["stopped_at"], lock["milestones"][-1]["at"]) == (16, None, None)
    ranked = duty.get(f"/trace/investigations/{number}/places")
    assert (ranked[0]["code"], ranked[0]["cases"]) == ("110106018-M01-1", 2)
    without = duty.get(f"/trace/investigations/{number}/places?without_place={ranked[0]['place_id']}")
    assert ranked[0]["code"] not in {one["code"] for one in without}
    told = {"place_id": ranked[0]["place_id"], "because": "both cases worked there"}
    duty.post(f"/trace/investigations/{number}/risk-points", told, 201)
    assert duty.post(f"/trace/investigations/{number}/risk-points", told, 409)["detail"]
    (point,) = duty.get("/trace/risk-points")
    assert point["hours_from_first_positive"] == pytest.approx(2)
    wiring.catch_up()

    # respond: decide, issue, sign
    (incident,) = commander.get("/respond/incidents")
    commander.post(f"/respond/incidents/{incident['id']}/level", {"level": "II", "because": "market cluster"})
    extra = {"recipient": "city_cdc", "place_code": "110106", "text": "Sample every stall", "within_hours": 12}
    commander.post(f"/respond/incidents/{incident['id']}/orders", extra, 201)
    assert commander.post(f"/respond/incidents/{incident['id']}/orders", extra | {"recipient": "me"}, 422)["detail"]
    assert commander.post(f"/respond/incidents/{incident['id']}/issue")["issued"] >= 3
    own = next(one for one in investigator.get("/respond/orders") if one["state"] == "issued")
    assert commander.post(f"/respond/orders/{own['id']}/moves", {"move": "sign"}, 403)["detail"]
    investigator.post(f"/respond/orders/{own['id']}/moves", {"move": "sign"}, 204)
    assert person("investigator_xicheng").post(f"/respond/orders/{own['id']}/moves", {"move": "complete"}, 404)
    assert {"respond.order_sign", "respond.level_decided"} <= {
        line["kind"] for line in commander.get(f"/respond/incidents/{incident['id']}/log")
    }

    # report: the sheet, the screen and what the press may say
    sheet = {one["code"]: one["total"] for one in commander.get("/report/situation")["figures"]}
    assert (sheet["positives"], sheet["cases"], sheet["risk_points"]) == (2, 2, 1)
    assert commander.get("/report/command")["orders"]["signed"] == 1
    assert person("press").get("/report/press")["risk_points"]
    assert person("press").get("/report/situation", 403)["detail"]
    assert json.dumps(dossier, ensure_ascii=False).count("李") == 0


def interview():
    return {
        "core": {"onset_date": "2020-06-08", "occupation": "16"},
        "stays": [
            {"place_code": "110106018-M01-1", "from_at": f"2020-06-0{day}T06:00", "to_at": f"2020-06-0{day}T11:00"}
            for day in (3, 4, 5)
        ],
        "contacts": [
            {
                "identity": {"name": "钱戊", "phone": "19900009999"},
                "kind": "close",
                "ground": "household",
                "first_at": "2020-06-07T18:00",
                "last_at": "2020-06-10T08:00",
            }
        ],
    }


# --- manners of every operation


def operations(client):
    paths = client.get("/api/openapi.json").json()["paths"]
    return [(path, method, told) for path, methods in paths.items() for method, told in methods.items()]


def test_every_operation_describes_its_answer_and_how_it_refuses(client_as):
    for path, method, told in operations(client_as("duty_officer")):
        assert set(told["responses"]) >= REFUSALS, (method, path)
        assert any(status.startswith("2") for status in told["responses"]), (method, path)
        assert told["responses"]["409"]["content"]["application/json"]["schema"]["$ref"].endswith("/Wrong")


def test_the_page_of_the_api_needs_no_other_host_and_no_inline_script(client_as):
    answer = client_as("duty_officer").get("/api/docs")
    page = answer.content.decode()

    assert answer.status_code == 200
    assert not re.search(r"(src|href)=[\"'](https?:)?//", page)
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page)
    for address in re.findall(r"(?:src|href)=\"(/static/[^\"]+)\"", page):
        assert client_as(None).get(address).status_code == 200, address


GARBAGE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b'"\\u0000"',
    b"\xff\xfe\x00",
    b"[" * 5000,
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b"1" * 5000,
]
VALUES = [
    "\x00",
    "\ud800",
    10**30,
    2**31,
    987654321,
    -1,
    0,
    1.5,
    float("1e308"),
    True,
    None,
    [],
    [[[]]],
    {"a": {"b": []}},
    "x" * 70000,
]
TEXTS = ["%00", "9" * 30, "-1", "0001-01-01", "9999-12-31", "9999-12-31T23:59:59%2B00:00", "%F0%9F%98%80", "a'b", ""]


def bodies(told, schemas, known):
    """Garbage, and well-shaped bodies with one field wrong at a time."""
    schema = told.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    schema = schemas.get(schema.get("$ref", "").rsplit("/", 1)[-1], schema)
    good = sample(schema, schemas, known) if schema else {}
    yield from GARBAGE
    yield from (json.dumps(one).encode() for one in spoilt(good))
    yield json.dumps(good).encode()


def spoilt(good):
    """A value with each part of it replaced by each odd value, one at a time, at every depth."""
    if isinstance(good, dict):
        for name, inner in good.items():
            yield from (good | {name: one} for one in spoilt(inner))
    elif isinstance(good, list) and good:
        yield from ([one] for one in spoilt(good[0]))
    yield from VALUES


def sample(field, schemas, known):  # noqa: PLR0911 - one line a shape
    """A value of a described shape: something known by its name where there is such a thing."""
    if "$ref" in field:
        return sample(schemas[field["$ref"].rsplit("/", 1)[-1]], schemas, known)
    if "properties" in field:
        return {name: known.get(name, sample(one, schemas, known)) for name, one in field["properties"].items()}
    if "anyOf" in field:
        return sample(field["anyOf"][0], schemas, known)
    if field.get("type") == "array":
        return [sample(field.get("items", {}), schemas, known)]
    if field.get("format") == "date-time":
        return "2020-06-10T09:00:00"
    if field.get("format") == "date":
        return "2020-06-10"
    return {"integer": 1, "number": 1.0, "boolean": True, "object": {}}.get(field.get("type"), "II")


def addresses(path, told, known):
    """The path of something real, then with garbage in each part and each query parameter."""
    parts = re.findall(r"\{(\w+)\}", path)
    real = path.format(**known)
    yield real
    for text in filter(None, TEXTS):
        yield from (path.format(**known | {part: text}) for part in parts)
    for parameter in told.get("parameters", []):
        if parameter["in"] == "query":
            yield from (f"{real}?{parameter['name']}={text}" for text in TEXTS)


def an_outbreak(key, person):
    """Something of every kind to be asked about; gives its numbers by the name of their path part."""
    clinic, duty = key(HOSPITAL, "sense.submit", "sense.view", "receipt.view"), person("duty_officer")
    sent = clinic.send("fever-clinic-visit", fever(1), fever(2, temperature="60"))
    key(LAB, "sense.submit", "lab.result").send("lab-result", result(fever(1)["sample_barcode"], "positive"))
    wiring.catch_up()
    (red,) = duty.get("/warn/proposals")["proposals"]
    event = duty.post(f"/warn/proposals/{red['id']}/verify", {"because": "checked"})["id"]
    wiring.catch_up()
    number = duty.post("/trace/investigations", {"event_id": event}, 201)["id"]
    (case,) = duty.get(f"/trace/investigations/{number}")["cases"]
    person("investigator").post(f"/trace/cases/{case['id']}/interview", interview())
    (contact,) = duty.get(f"/trace/cases/{case['id']}/contacts")
    (incident,) = person("commander").get("/respond/incidents")
    drafted = person("commander").post(
        f"/respond/incidents/{incident['id']}/level", {"level": "III", "because": "a case"}
    )
    (row,) = clinic.get("/quarantine")
    return {
        "submission_id": sent["submissions"][0], "receipt_id": sent["receipt"], "row_id": row["id"],
        "proposal_id": red["id"], "event_id": event, "investigation_id": number, "case_id": case["id"],
        "contact_id": contact["id"], "incident_id": incident["id"], "order_id": drafted["orders"][0],
        "place_id": Place.objects.get(code="110106018-M01").pk, "code": "symptom-registration", "move": "verify",
        "level": "II", "place_code": "110106018-M01-1", "recipient": "city_cdc", "kind": "close", "ground": "household",
    }  # fmt: skip


ALL_ABILITIES = (
    "sense.submit", "sense.view", "receipt.view", "lab.view", "lab.result", "warn.view", "warn.triage", "warn.publish",
    "trace.view", "trace.open", "trace.investigate", "trace.publish", "respond.view", "respond.command", "respond.sign",
    "report.view", "report.public", "journal.read", "clock.view",
)  # fmt: skip


@pytest.mark.parametrize("caller", ["duty_officer", "machine"])
def test_whatever_is_sent_no_operation_breaks(caller, person, key, city_clock):
    known = an_outbreak(key, person)
    asks = key("110000", *ALL_ABILITIES) if caller == "machine" else person(caller)
    described = person("duty_officer").get("/openapi.json")
    asks.client.raise_request_exception = False
    for path, methods in described["paths"].items():
        for method, told in methods.items():
            for address, body in requests_of(path, told, described["components"]["schemas"], known):
                headers = {"Idempotency-Key": str(hash(body)), "Sent-At": "2020-06-11T08:00:00+08:00"}
                send = asks.client.get if method == "get" else asks.client.post
                more = {} if method == "get" else {"data": body, "content_type": "application/json"}
                answer = send(address, headers=headers, **more)
                assert answer.status_code < 500, (method, address, body[:200], answer.content[:300])
                if answer.status_code >= 400:
                    assert isinstance(answer.json()["detail"], str), (method, address)


def requests_of(path, told, schemas, known):
    real, *odd = addresses(path, told, known)
    for body in bodies(told, schemas, known) if "requestBody" in told else [b""]:
        yield real, body
    for address in odd:
        yield address, b"{}"


def test_odd_headers_are_refused_in_a_sentence(key, city_clock):
    system = key(SITE, "sense.submit")
    door = "/forms/symptom-registration/batches"

    assert "Idempotency-Key" in system.post(door, message(symptom(1)), 422)["detail"]
    assert system.post(door, message(symptom(1)), 422, **{"Idempotency-Key": "k" * 121})["detail"]
    for odd in ("yesterday", "2020-06-11T08:30", "1266-09-22T11:13:34-20:00", "0001-01-01T00:00:00+08:00"):
        headers = {"Idempotency-Key": "k", "Sent-At": odd}
        assert "Sent-At" in system.post(door, message(symptom(1)), 422, **headers)["detail"], odd
    assert not Receipt.objects.exists()
    assert not Submission.objects.exists()


def test_an_offset_that_python_reads_and_postgresql_does_not_is_stored_as_the_instant_it_is(key, city_clock, client_as):
    system = key(SITE, "sense.submit")
    headers = {"Idempotency-Key": "k", "Sent-At": "2020-06-10T08:00:00-20:00"}
    system.post("/forms/symptom-registration/batches", message(symptom(1)), 201, **headers)

    assert Receipt.objects.get().sent_at == datetime(2020, 6, 11, 4, 0, tzinfo=UTC)
    odd = "2020-06-09T08:00:00-20:00"
    assert client_as("commander").get("/situation/", {"as_of": odd}).status_code == 200
    assert client_as("commander").get("/api/report/situation", {"as_of": odd}).status_code == 200


def test_no_page_breaks_on_a_zero_character(client_as, city_clock):
    nurse = client_as("sentinel_nurse")

    assert nurse.get("/sense/forms/symptom-registration/?site=%00").status_code == 422
    assert nurse.post("/sense/zero/", {"site": "\x00", "stream": "symptom", "day": "2020-06-11"}).status_code == 422
    assert connection.is_usable()
