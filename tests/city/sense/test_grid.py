"""A grid worker of a neighbourhood committee reports what is found at the doors of those who stay at home."""

import re

import pytest
from django.test import Client
from tests.conftest import NOON

from citywatch.city.registry.services import NewSite, add_sites, grant, make_account
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine

pytestmark = pytest.mark.django_db
COMMITTEE = "110106018-G01"
FORM = "/sense/forms/home-visit/"


@pytest.fixture
def grid_worker(city, at_noon):
    """Signed in, of the committee in Huaxiang."""
    add_sites(
        [
            NewSite(
                COMMITTEE, "110106018", "institution", "花乡第一社区居委会", "Huaxiang First Committee", 116.3, 39.8,
                institution_kind="committee", streams=("visit",),
            )
        ]
    )  # fmt: skip
    place = Place.objects.get(code=COMMITTEE)
    account = make_account(username="grid", password="x", place=place, title_zh="网格员", title_en="Grid worker")
    system = machine("set-up", place=city, abilities=["registry.grant"])
    grant(account, role="grid_worker", place=place, by=system, at=NOON)
    client = Client()
    client.force_login(account)
    return client


def visit(**more):
    told = {"visited_at": "2020-06-11T11:00", "contact": "K0012", "reached": "seen", "ill": "N", "temperature": "36.5"}
    return {**told, "site": COMMITTEE, "token": "t-1", **more}


def text(response):
    return response.content.decode()


def test_the_form_opens_for_the_one_visited_with_nothing_folded_away(grid_worker):
    page = text(grid_worker.get(f"{FORM}?contact=K0012"))

    assert re.search(r'name="contact"[^>]*value="K0012"', page)
    assert 'value="2020-06-11T12:00"' in page
    assert '<details class="card"' not in page  # symptoms and needs are asked, not looked for


def test_nothing_but_the_number_of_the_list_is_taken_from_the_address(grid_worker):
    page = text(grid_worker.get(f"{FORM}?contact=K0012&temperature=41.5"))

    assert not re.search(r'name="temperature"[^>]*41\.5', page)


def test_a_symptom_found_at_the_door_counts_once_and_no_name_is_kept(grid_worker):
    grid_worker.post(FORM, visit(ill="Y", symptoms=["fever"], status="new", temperature="38.1", needs=["dialysis"]))
    grid_worker.post(FORM, visit(ill="Y", symptoms=["fever"], status="continuing", visited_at="2020-06-11T11:50"))

    first, second = Submission.objects.order_by("pk")
    assert (first.stream, first.findings, first.person, first.place.code) == ("visit", ["fever"], None, COMMITTEE)
    assert first.answers["needs"] == ["dialysis"]
    assert second.findings == []


def test_who_was_not_reached_takes_two_answers(grid_worker):
    answer = grid_worker.post(FORM, {k: v for k, v in visit(reached="no").items() if k not in {"ill", "temperature"}})

    assert answer.status_code == 302
    answers = Submission.objects.get().answers
    assert (answers.keys(), answers["reached"]) == ({"visited_at", "contact", "reached"}, "no")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"contact": "张三"}, "应为名单上的编号"),
        ({"temperature": "38.5"}, "请在症状中选择“发热”"),
        ({"ill": ""}, "必填"),
        ({"ill": "Y"}, "必填"),
    ],
)
def test_a_slip_is_said_beside_its_question(grid_worker, wrong, sentence):
    answer = grid_worker.post(FORM, visit(**wrong))

    assert answer.status_code == 422
    assert sentence in text(answer)
    assert not Submission.objects.exists()


def test_a_day_without_visits_is_one_tap_and_no_other_site_can_be_reported_for(grid_worker):
    assert "今日零报告：居家随访" in text(grid_worker.get("/sense/"))
    assert grid_worker.post(FORM, visit(site="110106018-C01")).status_code == 403
    assert grid_worker.get("/warn/").status_code == 403
    assert grid_worker.get("/trace/contacts/").status_code == 403
