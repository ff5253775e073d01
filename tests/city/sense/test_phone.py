"""What a phone kept while the line was down arrives once, is opened by the server alone, and only for its author."""

import base64
import json
import os
import re

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.city.reports import sale, symptom
from tests.conftest import NOON

from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.receipts import rotation
from citywatch.mechanisms.receipts import services as receipts
from citywatch.mechanisms.receipts.models import Receipt

pytestmark = pytest.mark.django_db
FORM, QUEUE, MEND = "/sense/forms/symptom-registration/", "/sense/queue/", "/sense/queue/mend/"
SHELL = "/sense/shell/symptom-registration/"


def text(response):
    return response.content.decode()


class Phone:
    """Somebody's phone: it holds what the page told it, and seals as `sealing.js` does."""

    def __init__(self, client):
        self.client = client
        page = text(client.get("/sense/"))
        self.owner = re.search(r'data-owner="(\w+)"', page)[1]
        self.point = base64.b64decode(re.search(r'data-public-key="([^"]+)"', page)[1])

    def seal(self, values, *, key="k" * 32, form="symptom-registration", site="110106018-C01"):
        curve = ec.SECP256R1()
        ours = ec.generate_private_key(curve)
        point = ours.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        shared = ours.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(curve, self.point))
        secret = HKDF(SHA256(), 32, salt=point, info=b"citywatch phone 1").derive(shared)
        nonce, bound_to = os.urandom(12), f"{self.owner}|{key}|{form}|{site}"
        box = AESGCM(secret).encrypt(nonce, json.dumps(values).encode(), bound_to.encode())
        parts = {"point": point, "nonce": nonce, "box": box}
        return {"key": key, "form": form, "site": site} | {n: base64.b64encode(b).decode() for n, b in parts.items()}

    def send(self, envelope):
        return self.client.post(QUEUE, json.dumps(envelope), content_type="application/json")


@pytest.fixture
def phone(client_as, at_noon):
    return Phone(client_as("sentinel_nurse"))


def test_a_kept_report_sent_twice_after_a_lost_answer_is_stored_once(phone):
    envelope = phone.seal(symptom())
    first, second = phone.send(envelope), phone.send(envelope)

    assert first.json() == second.json()
    receipt = Receipt.objects.get()
    assert first.json()["receipt"] == receipt.pk
    assert json.loads(receipts.body_of(receipt)) == {"rows": [symptom()]}
    assert Submission.objects.count() == 1


def test_the_report_of_a_page_and_the_same_one_kept_are_one_message(phone):
    row = symptom()
    phone.client.post(FORM, {**row, "symptoms": row["symptoms"].split(";"), "token": "t" * 32})
    phone.send(phone.seal(row, key="t" * 32))

    assert Receipt.objects.count() == 1


def test_what_a_phone_kept_for_one_account_opens_for_no_other(phone, client_as):
    envelope = phone.seal(symptom())
    other = Phone(client_as("pharmacist"))

    assert other.owner != phone.owner
    assert other.point != phone.point
    answer = other.send(envelope)
    assert answer.status_code == 422
    assert "其他账号暂存" in answer.json()["refused"][0]
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("part", ["key", "form", "site", "nonce", "box"])
def test_a_kept_report_that_somebody_altered_does_not_open(phone, part):
    envelope = phone.seal(symptom())
    altered = envelope[part]
    envelope[part] = ("B" if altered[0] != "B" else "C") + altered[1:]

    assert phone.send(envelope).status_code == 422
    assert not Receipt.objects.exists()


@pytest.mark.parametrize("sent", [b"", b"[]", b"{}", b"\xff", b'{"key": 1}', b'{"key": "' + b"k" * 70_000 + b'"}'])
def test_what_is_no_kept_report_gets_one_sentence(phone, sent):
    answer = phone.client.post(QUEUE, sent, content_type="application/json")

    assert answer.status_code == 422
    (sentence,) = answer.json()["refused"]
    assert sentence.endswith("。")


def test_a_refused_report_names_each_answer_and_is_mended_on_its_own_form(phone):
    wrong = phone.seal(symptom(temperature="48", name="张甲1"))
    answer = phone.send(wrong)
    assert answer.status_code == 422
    assert answer.json()["refused"][0].startswith("体温（℃）")
    assert not Receipt.objects.exists()

    page = text(phone.client.post(MEND, {"envelope": json.dumps(wrong)}))
    assert 'value="张甲1"' in page
    assert "超出范围" in page
    assert f'name="token" value="{wrong["key"]}"' in page
    row = symptom()
    done = phone.client.post(FORM, {**row, "symptoms": row["symptoms"].split(";"), "token": wrong["key"]}, follow=True)
    assert f'data-settled="{wrong["key"]}"' in text(done)


def test_a_report_for_a_site_one_may_no_longer_report_for_is_refused_in_a_sentence(phone):
    answer = phone.send(phone.seal(symptom(), site="110106024-S01"))

    assert answer.status_code == 403
    assert answer.json()["refused"]


def test_the_shell_holds_the_questions_and_nobodys_name(phone, accounts):
    phone.send(phone.seal(symptom()))
    page = text(phone.client.get(SHELL))

    assert 'name="id_number"' in page
    assert "花乡社区卫生服务中心" in page
    for absent in ("csrfmiddlewaretoken", "张甲", "张**", accounts["sentinel_nurse"].username, "X-CSRFToken"):
        assert absent not in page


def test_the_worker_reaches_the_reporting_pages_and_is_asked_for_anew(phone):
    answer = phone.client.get("/sense/worker.js")

    assert answer["Content-Type"].startswith("text/javascript")
    assert "no-cache" in answer["Cache-Control"]
    assert "citywatch-phone" in text(answer)


def test_a_sitting_carries_on_what_belongs_to_no_person(client_as, at_noon):
    pharmacist = client_as("pharmacist")
    form = "/sense/forms/pharmacy-sale/"
    pharmacist.post(form, {**sale(for_whom="other", drug_class="antibiotic", drug_name="阿莫西林"), "token": "a"})
    page = text(pharmacist.get(form))

    assert re.search(r'value="antibiotic"\s+checked', page)
    assert 'value="阿莫西林"' in page
    assert "王丙1" not in page
    assert (
        re.search(r'value="antibiotic"\s+checked', text(client_as("pharmacist").get(form))) is None
    )  # another sitting


def test_where_the_last_patient_was_sent_is_not_carried_on(phone):
    phone.send(phone.seal(symptom(disposition="called_120", visit_type="return")))
    page = text(phone.client.get(FORM))

    assert re.search(r'value="home"\s+checked', page)
    assert re.search(r'value="return"\s+checked', page)


def test_the_page_tells_where_a_number_was_issued(phone):
    page = text(phone.client.get(FORM, headers={"accept-language": "en"}))

    assert '"110106": "Beijing Fengtai' in page
    assert '"44": "Guangdong"' in page


# ---- the key behind the seal is replaced


@pytest.fixture
def rotated(settings, tmp_path, city):
    """Masters of this test alone, and a way to replace them."""
    settings.CITYWATCH_KEYS = tmp_path / "keys"
    operator = machine("operator", place=city, abilities=["vault.rotate"])
    return lambda: rotation.rotate(city, by=operator, at=NOON), lambda: rotation.give_up_old(city, by=operator, at=NOON)


def grow_old(folder, *, days):
    for path in folder.glob("*.key"):
        made = path.stat().st_mtime - days * 86_400
        os.utime(path, (made, made))


def test_what_a_phone_kept_before_the_keys_were_replaced_still_arrives(rotated, client_as, at_noon):
    rotate, _ = rotated
    before = Phone(client_as("sentinel_nurse"))
    rotate()
    after = Phone(client_as("sentinel_nurse"))

    assert before.point != after.point
    assert before.send(before.seal(symptom())).status_code == 200
    assert after.send(after.seal(symptom(), key="n" * 32)).status_code == 200


def test_a_replaced_key_opens_for_a_month_and_then_is_destroyed(rotated, client_as, at_noon, settings):
    rotate, give_up_old = rotated
    phone = Phone(client_as("sentinel_nurse"))
    late = phone.seal(symptom())
    rotate()
    grow_old(settings.CITYWATCH_KEYS, days=29)
    assert give_up_old()["phone"] == []
    assert phone.send(phone.seal(symptom(), key="n" * 32)).status_code == 200

    grow_old(settings.CITYWATCH_KEYS, days=1)
    assert give_up_old()["phone"] == [1]
    assert phone.send(late).status_code == 422
    assert not (settings.CITYWATCH_KEYS / "phone.key").exists()
    fresh = Phone(client_as("sentinel_nurse"))
    assert fresh.send(fresh.seal(symptom(), key="m" * 32)).status_code == 200
