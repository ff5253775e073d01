"""The public pages: released once a day by the press office, files without a script, and nothing else to be asked."""

from datetime import timedelta

import pytest
from tests.conftest import NOON

from citywatch.mechanisms import clock
from citywatch.mechanisms.journal.models import Entry

pytestmark = pytest.mark.django_db
PAGES = [
    f"/public/{language}/{page}.html" for language in ("zh", "en") for page in ("situation", "risk-areas", "guidance")
]


def text(response):
    return response.content.decode()


@pytest.fixture
def press(client_as, at_noon, settings, tmp_path):
    settings.HOME = tmp_path
    return client_as("press")


@pytest.fixture
def anybody(client_as):
    return client_as("")


def test_nothing_is_public_before_it_is_released(press, anybody):
    assert anybody.get(PAGES[0]).status_code == 404
    assert press.post("/public/publish/").status_code == 302
    assert anybody.get(PAGES[0]).status_code == 200


def test_every_page_opens_for_anybody_in_both_languages_and_says_the_rule(press, anybody):
    press.post("/public/publish/")

    for address in PAGES:
        page = text(anybody.get(address))
        assert "<script" not in page
        assert "csrf" not in page
        assert f'lang="{"zh-Hans" if "/zh/" in address else "en"}"' in page
    assert "1至5（不含）的人数" in text(anybody.get(PAGES[0]))
    assert "counts of people from 1 to below 5" in text(anybody.get("/public/en/situation.html"))
    assert anybody.get("/public/", headers={"accept-language": "en"})["Location"] == "/public/en/situation.html"


def test_a_released_page_is_kept_by_whoever_passes_it_on_and_asks_no_database(
    press, anybody, django_assert_num_queries
):
    press.post("/public/publish/")
    with django_assert_num_queries(0):
        first = anybody.get(PAGES[0])
    assert "public" in first["Cache-Control"]
    assert "max-age=300" in first["Cache-Control"]
    assert "Set-Cookie" not in first

    again = anybody.get(PAGES[0], headers={"if-none-match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_page_stays_as_released_until_the_next_day_and_the_release_is_on_record(press, anybody, monkeypatch):
    press.post("/public/publish/")
    before = text(anybody.get(PAGES[0]))
    refused = press.post("/public/publish/")
    assert refused.status_code == 422
    assert "明日发布" in text(refused)

    monkeypatch.setattr(clock, "now", lambda: NOON + timedelta(days=1))
    assert press.post("/public/publish/").status_code == 302
    assert text(anybody.get(PAGES[0])) != before
    assert Entry.objects.filter(kind="report.released").count() == 2


@pytest.mark.parametrize("role", ["commander", "duty_officer", "sentinel_nurse", "nobody"])
def test_nobody_else_releases(press, client_as, role):
    assert client_as(role).post("/public/publish/").status_code == 403


@pytest.mark.parametrize(
    "name", ["released.json", "../citywatch.sqlite3", "zh/../released.json", "%2e%2e/keys/django.key"]
)
def test_no_other_file_is_handed_out(press, anybody, name):
    press.post("/public/publish/")

    assert anybody.get(f"/public/{name}").status_code == 404
