"""The situation sheet: one function, one truth, on the page, in the document and in the log."""

from datetime import timedelta
from io import BytesIO

import pytest
from django.urls import reverse
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("at_noon", "outbreak")


def situation(viewer, as_of=NOON, **more):
    from citywatch.city.report import queries

    return queries.situation(viewer, as_of, **more)


def in_the_log(kind, *, until=NOON, since=None):
    """Distinct subjects of one kind, counted row by row from the raw columns."""
    from citywatch.eventlog.expressions import table
    from citywatch.mechanisms.journal.export import engine, store

    found = engine().run(table("entries"), store().pin())
    first = {}
    for k, subject, at in zip(found["kind"], found["subject"].tolist(), found["at"].tolist(), strict=True):
        if k == kind and at <= until.replace(tzinfo=None):
            first[subject] = min(at, first.get(subject, at))
    return {subject for subject, at in first.items() if since is None or at >= since.replace(tzinfo=None)}


def test_every_figure_equals_the_log(viewers):
    from citywatch.city.report.rules import FIGURES

    found = situation(viewers["commander"])
    midnight = NOON - timedelta(hours=12)

    for rule in FIGURES:
        gone = set().union(*(in_the_log(kind) for kind in rule.withdrawn_by)) if rule.withdrawn_by else set()
        total = set().union(*(in_the_log(kind) for kind in rule.kinds)) - gone
        new = set().union(*(in_the_log(kind, since=midnight) for kind in rule.kinds)) - gone
        line = found.figure(rule.code)
        assert (line.total, line.new) == (len(total), len(new)), rule.code
    assert (found.figure("cases").total, found.figure("cases").new) == (9, 6)


def test_totals_by_day_equal_totals_by_district_equal_the_total(viewers):
    found = situation(viewers["commander"])

    for line in found.figures:
        code = line.rule.code
        assert sum(one.total[code] for one in found.districts) == line.total
        assert sum(one.new[code] for one in found.days) == line.total
        assert sum(one.new[code] for one in found.districts) == found.days[0].new[code] == line.new


def cells(page, code):
    import re

    return [int(n) for n in re.findall(rf'data-figure="{code}-(?:new|total)">(\d+)<', page)]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_page_and_document_show_the_same_figures(viewers, client_as, language):
    from docx import Document

    client = client_as("commander")
    client.cookies["django_language"] = language
    found = situation(viewers["commander"])
    page = client.get(reverse("report:situation")).content.decode()
    answer = client.get(reverse("report:situation_docx"))
    document = Document(BytesIO(answer.content))

    first = [[cell.text for cell in row.cells] for row in document.tables[0].rows][1:]
    for line, row in zip(found.figures, first, strict=True):
        assert cells(page, line.rule.code) == [line.new, line.total]
        assert [int(row[1]), int(row[2])] == [line.new, line.total]
        assert row[3] == line.rule.source.in_language(language)
        assert row[4] == line.rule.basis.in_language(language)
    districts = {row.cells[0].text: row.cells[1].text for row in document.tables[1].rows[1:]}
    fengtai = next(one for one in found.districts if one.code == "110106")
    assert districts[fengtai.name.in_language(language)] == str(fengtai.total["cases"]) == "6"
    assert answer["Content-Disposition"].endswith('situation-20200611-1200.docx"')
    heading = "北京市疫情处置情况日报（2020年6月11日）" if language == "zh-hans" else "2020-06-11"
    assert heading in page
    assert any(heading in paragraph.text for paragraph in document.paragraphs)


def test_a_past_moment_is_told_as_it_was_known_then(viewers, client_as):
    four_hours_ago = NOON - timedelta(hours=4)

    assert situation(viewers["commander"], four_hours_ago).figure("positives").total == 3
    page = client_as("commander").get(reverse("report:situation"), {"as_of": "2020-06-11T08:00"}).content.decode()
    assert cells(page, "positives") == [3, 3]


def test_a_case_discarded_later_still_counted_before(viewers):
    before = situation(viewers["commander"], NOON - timedelta(hours=2)).figure("cases").total

    assert before - situation(viewers["commander"], NOON - timedelta(hours=2.5)).figure("cases").total == 1
    assert in_the_log("trace.case_registered", until=NOON - timedelta(hours=2)) >= {10}


@pytest.mark.parametrize("asked", ["yesterday", "2020-06-12T00:00"])
def test_a_moment_that_is_none_or_has_not_come_is_refused(client_as, asked):
    assert client_as("commander").get(reverse("report:situation"), {"as_of": asked}).status_code == 422


def test_a_district_is_told_its_own_part_only(viewers):
    found = situation(viewers["investigator_xicheng"])

    assert found.figure("cases").total == 3
    assert found.figure("positives").total == 0
    assert {one.code for one in found.districts} == {"110102"}
    assert found.risk_points == ()
    assert found.place_name.zh == "西城区"


def test_nobody_is_told_nothing(viewers):
    assert all(line.total == 0 for line in situation(viewers["nobody"]).figures)


def test_streams_stand_against_their_usual_day_and_a_zero_report_counts_as_reporting(viewers):
    streams = {one.code: one for one in situation(viewers["commander"]).streams}

    assert (streams["symptom"].today, streams["symptom"].usual) == (5, 2.0)
    assert (streams["symptom"].reporting, streams["symptom"].expected) == (1, 3)
    assert (streams["fever"].today, streams["fever"].reporting, streams["fever"].expected) == (0, 1, 1)
    assert streams["pharmacy"].usual is None


def test_a_late_report_does_not_change_what_was_known(viewers, reported):
    reported(20, count=40, day="2020-06-10", hours=3)

    streams = {one.code: one for one in situation(viewers["commander"]).streams}
    assert streams["symptom"].usual == 2.0


def test_those_held_are_the_opened_less_the_ended(viewers):
    assert situation(viewers["commander"]).holds == 1


def test_no_person_stands_in_the_sheet(viewers, city):
    from citywatch.city.report import queries, sheet
    from citywatch.mechanisms.jurisdiction.models import Place
    from citywatch.mechanisms.vault.services import enrol
    from citywatch.mechanisms.vault.types import Identity

    place = Place.objects.get(code="110106018-H01")
    enrol(Identity(name="张小明", phone="19900001234"), place=place, relation="reporting", at=NOON)
    found = queries.situation(viewers["commander"], NOON)

    assert "张小明" not in repr(found)
    assert "张小明".encode() not in sheet.situation_docx(found)


def test_the_press_sees_no_small_number_and_no_cell_that_gives_one_back(viewers, client_as):
    from citywatch.city.report import queries

    sheet = queries.press_sheet(viewers["press"])
    shown = {name.zh: count for name, count in sheet.districts if count != 0}

    # Xicheng's 3 are few, and 9 in all would give them back, so Fengtai's 6 go too.
    assert shown == {"西城区": None, "丰台区": None}
    assert {one.label.zh: (one.new, one.total) for one in sheet.figures} == {
        "报告病例": (6, 9),
        "核酸阳性样本": (6, 6),
        "发布风险点位": (1, 1),
    }
    page = client_as("press").get(reverse("report:press")).content.decode()
    assert "2号厅" in page
    assert "不予公布" in page


def test_the_press_cannot_open_the_sheet_and_the_nurse_neither(client_as):
    for role in ("press", "sentinel_nurse", "lab", "nobody"):
        for name in ("situation", "situation_docx", "command", "command_live"):
            assert client_as(role).get(reverse(f"report:{name}")).status_code == 403
    assert client_as("investigator").get(reverse("report:press")).status_code == 403


def test_a_negative_put_right_as_positive_is_no_longer_counted_negative(viewers, happened):
    before = situation(viewers["duty_officer"], NOON).figure("negatives").total
    happened("lab.sample_report_negative", 77, place="110106018-H01", hours=-2)
    happened("lab.sample_report_positive", 77, place="110106018-H01", hours=-1)

    assert situation(viewers["duty_officer"], NOON - timedelta(minutes=90)).figure("negatives").total == before + 1
    assert situation(viewers["duty_officer"], NOON).figure("negatives").total == before
