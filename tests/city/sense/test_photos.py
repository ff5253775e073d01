"""A photo of a report: without what its camera wrote, sealed with its person's key, opened on record, gone in time."""

import base64
from datetime import timedelta

import pytest
from tests.city.reports import picture, segment, symptom
from tests.city.sense.test_phone import FORM, Phone, text
from tests.conftest import NOON

from citywatch.city.sense import photos
from citywatch.city.sense.jpeg import MOST_BYTES, without_traces
from citywatch.city.sense.models import Photo
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.retention import purging
from citywatch.mechanisms.vault.holds import place_hold
from citywatch.mechanisms.vault.seen import who_saw
from citywatch.server import keeping

DOOR = "/sense/queue/photos/"
REPORT, KEY = "r" * 32, "p" * 32


TOLD = segment(0xE1, b"Exif\x00\x00GPS 39.81N 116.34E") + segment(0xFE, b"somebody's telephone")


@pytest.fixture
def phone(client_as, at_noon):
    return Phone(client_as("sentinel_nurse"))


def kept(of=REPORT, key=KEY, image=None):
    written = base64.b64encode(image if image is not None else picture(extra=TOLD)).decode()
    return {"values": {"of": of, "picture": written}, "key": key, "form": "photo"}


def send(phone, sent, **more):
    envelope = phone.seal(sent["values"], key=sent["key"], form=sent["form"], **more)
    return phone.client.post(DOOR, envelope, content_type="application/json")


def reported(phone, row=None):
    return phone.send(phone.seal(row or symptom(), key=REPORT))


class TestPicture:
    def test_where_it_was_taken_and_what_hangs_behind_its_end_go_and_the_pixels_stay(self):
        cleaned = without_traces(picture(extra=TOLD) + b"PK\x03\x04 a file behind the end")

        assert cleaned == picture()

    @pytest.mark.parametrize(
        "sent", [b"", b"\x89PNG\r\n", b"\xff\xd8\xff\xd9", picture()[:-2], picture()[:20], b"\xff\xd8" + TOLD]
    )
    def test_what_is_no_whole_jpeg_is_refused(self, sent):
        with pytest.raises(Refusal, match="JPEG"):
            without_traces(sent)

    @pytest.mark.parametrize("sent", [picture(width=20_000), picture() + bytes(MOST_BYTES)])
    def test_what_is_too_large_is_refused(self, sent):
        with pytest.raises(Refusal, match="超过上限"):
            without_traces(sent)


@pytest.mark.django_db
class TestTaken:
    def test_a_photo_sent_twice_is_kept_once_sealed_and_opened_on_record(self, phone, viewers):
        reported(phone)
        first, second = send(phone, kept()), send(phone, kept())

        assert first.json() == second.json()
        photo = Photo.objects.get()
        assert bytes(photo.sealed).find(b"\xff\xd8") != 0
        assert b"GPS" not in bytes(photo.sealed)
        assert photo.place.code == "110106018-C01"
        assert Entry.objects.filter(kind="sense.photo_taken").count() == 1
        answer = phone.client.post(f"/sense/photos/{photo.pk}/", {"because": "核对体温"})
        assert f"data:image/jpeg;base64,{base64.b64encode(picture()).decode()}" in text(answer)
        assert "no-store" in answer["Cache-Control"]
        opened = Entry.objects.get(kind="sense.photo_opened")
        assert (opened.because, opened.body["photo"]) == ("核对体温", photo.pk)
        Photo.objects.all().delete()  # as its clock does; the look stays
        (look,) = who_saw(photo.person_id, reads=keeping.READS, since=NOON, by=viewers["investigator"], at=NOON)
        assert (look.kind, look.because) == ("sense.photo_opened", "核对体温")

    def test_without_a_purpose_nobody_opens_it(self, phone):
        reported(phone)
        number = send(phone, kept()).json()["photo"]

        assert phone.client.post(f"/sense/photos/{number}/", {"because": " "}).status_code == 422
        assert not Entry.objects.filter(kind="sense.photo_opened").exists()

    def test_before_its_report_it_waits(self, phone):
        assert send(phone, kept()).status_code == 409
        reported(phone)
        assert send(phone, kept()).status_code == 200

    @pytest.mark.parametrize("wrong", [{"image": b"GIF89a"}, {"of": "%"}])
    def test_a_photo_that_cannot_be_kept_gets_one_sentence(self, phone, wrong):
        reported(phone)
        answer = send(phone, kept(**wrong))

        assert answer.status_code == 422
        assert answer.json()["refused"][0].endswith("。")
        assert not Photo.objects.exists()

    def test_a_report_keeps_six_at_most(self, phone):
        reported(phone)
        answers = [send(phone, kept(key=f"{n}" * 32)).status_code for n in range(7)]

        assert answers == [200] * 6 + [422]

    def test_nobody_hangs_a_photo_on_another_sites_report(self, phone, client_as):
        reported(phone)
        other = Phone(client_as("fever_nurse"))

        assert send(other, kept()).status_code == 403
        assert send(other, kept(), site="110106018-H01").status_code == 409


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("role", "sees"),
    [
        ("sentinel_nurse", True),
        ("investigator", True),
        ("fever_nurse", False),
        ("investigator_xicheng", False),
        ("duty_officer", False),  # sees the report, and masked names alone
    ],
)
def test_a_photo_is_for_its_site_and_those_who_may_open_identities_there(phone, client_as, role, sees):
    reported(phone)
    number = send(phone, kept()).json()["photo"]
    client = client_as(role)

    page = text(client.get("/sense/photos/"))
    answer = client.post(f"/sense/photos/{number}/", {"because": "核对"})
    assert (f"/sense/photos/{number}/" in page, answer.status_code) == (sees, 200 if sees else 404)
    assert "张甲1" not in page


@pytest.mark.django_db
class TestGone:
    def purge(self, at, city, tmp_path):
        from citywatch.mechanisms.jurisdiction.services import machine

        by = machine("retention", place=city, abilities=["vault.purge", "vault.hold"])
        return by, lambda: purging.run_clocks(
            keeping.MENTIONS, keeping.SWEEPERS, by=by, at=at, place=city, folder=tmp_path
        )

    def test_its_clock_ends_it_and_no_other_row_goes(self, phone, city, tmp_path, monkeypatch):
        reported(phone)
        send(phone, kept())
        later = NOON + timedelta(days=31)
        monkeypatch.setattr(photos.clock, "now", lambda: later)
        _, clocks = self.purge(later, city, tmp_path)
        paper = clocks()

        assert paper["destroyed"]["photos"] == 1
        assert not Photo.objects.exists()
        assert keeping.overdue(later) == {}

    def test_a_legal_hold_keeps_it(self, phone, city, tmp_path, monkeypatch):
        reported(phone)
        send(phone, kept())
        later = NOON + timedelta(days=31)
        monkeypatch.setattr(photos.clock, "now", lambda: later)
        by, clocks = self.purge(later, city, tmp_path)
        fengtai = Place.objects.get(code="110106")
        place_hold(fengtai, because="诉讼", ordered_by="法院", until=later + timedelta(days=9), by=by, at=NOON)
        clocks()

        assert Photo.objects.count() == 1

    def test_whoever_is_forgotten_takes_the_photo_along(self, phone, city, tmp_path):
        reported(phone)
        number = send(phone, kept()).json()["photo"]
        by, _ = self.purge(NOON, city, tmp_path)
        person = Photo.objects.get().person_id
        purging.purge([person], because="本人申请", by=by, at=NOON, place=city, folder=tmp_path)

        assert phone.client.post(f"/sense/photos/{number}/", {"because": "核对"}).status_code == 410


@pytest.mark.django_db
def test_forms_that_name_somebody_take_photos_and_others_do_not(phone):
    assert "data-photos" in text(phone.client.get(FORM))
    assert "data-photos" not in text(phone.client.get("/sense/forms/zero-report/"))
