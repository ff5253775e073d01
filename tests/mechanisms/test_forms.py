"""A form reads what people really write, and says in their words what it cannot read."""

from datetime import UTC, date, datetime

import pytest
from tests.city.reports import id_number
from tests.conftest import NOON

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms.reading import read
from citywatch.mechanisms.forms.services import decode_json
from citywatch.mechanisms.forms.types import Form, Problem, Question
from citywatch.mechanisms.labels import Label

COLOURS = (("r", Label("红", "Red")), ("g", Label("绿", "Green")))


def asked(name, kind, **more):
    return Question(name, kind, Label(name, name), **more)


def form(*questions, **more):
    return Form("f", 1, "s", Label("表", "Form"), (asked("at", "moment", required=True), *questions), "at", **more)


def reading(of, **raw):
    return read(of, {"at": "2020-06-11T08:30", **raw}, sent_at=NOON)


def complaints(found):
    return [problem.question for problem in found.problems]


@pytest.mark.parametrize(
    "written",
    ["2020-06-11T08:30", "2020-06-11 08:30:00", "2020/6/11 8:30", "2020年6月11日 8时30分", "2020-06-11T00:30+00:00"],
)
def test_a_moment_is_read_as_people_write_it_and_means_city_time(written):
    assert reading(form(), at=written).occurred_at == datetime(2020, 6, 11, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("written", ["2020-06-09", "2020/6/9", "2020年6月9日", "20200609", "2020-06-09 00:00:00"])
def test_a_date_is_read_as_people_write_it(written):
    assert reading(form(asked("day", "date")), day=written).answers["day"] == "2020-06-09"


@pytest.mark.parametrize("written", ["2020-02-30", "09/06/2020", "2020611", "昨天"])
def test_a_date_that_could_mean_two_days_or_none_is_not_guessed(written):
    assert complaints(reading(form(asked("day", "date")), day=written)) == ["day"]


def test_the_day_is_the_citys_day():
    assert reading(form(), at="2020-06-10T23:30+00:00").occurred_on == date(2020, 6, 11)


def test_what_has_not_happened_yet_cannot_be_reported():
    assert complaints(reading(form(), at="2020-06-11T12:06")) == ["at"]
    assert complaints(reading(form(), at="2020-06-11T12:04")) == []


@pytest.mark.parametrize("written", ["r", "红", "RED"])
def test_a_choice_is_known_by_code_or_by_name(written):
    assert reading(form(asked("c", "choice", choices=COLOURS)), c=written).answers["c"] == "r"


def test_several_answers_come_apart_at_every_separator_people_use():
    assert reading(form(asked("c", "choices", choices=COLOURS)), c="红、Green").answers["c"] == ["r", "g"]


def test_an_unknown_answer_names_the_ones_there_are():
    (problem,) = reading(form(asked("c", "choice", choices=COLOURS)), c="蓝").problems
    assert "红、绿" in problem.sentence.zh


def test_a_question_shows_by_what_was_answered_in_any_wording():
    of = form(asked("test", "yes_no"), asked("code", "text", required=True, shown_when=("test", ("Y",))))

    assert complaints(reading(of, test="是")) == ["code"]
    assert complaints(reading(of, test="否")) == []


def test_an_answer_to_a_question_not_shown_is_left_out():
    of = form(asked("test", "yes_no"), asked("code", "text", shown_when=("test", ("Y",))))
    assert "code" not in reading(of, test="否", code="7").answers


def test_a_column_the_form_does_not_know_is_a_problem_not_a_loss():
    assert complaints(reading(form(), extra="1")) == ["extra"]


def test_identity_never_stands_among_the_answers():
    of = form(asked("name", "text"), asked("id_number", "text"), asked("phone", "text"))
    found = reading(of, name="张甲", id_number=id_number(1), phone="13900001234")

    assert set(found.answers) == {"at"}
    assert (found.identity.name, found.identity.phone) == ("张甲", "13900001234")


def test_an_id_number_fills_what_the_row_left_empty_and_overrides_nothing():
    of = form(asked("id_number", "text"), asked("age", "count"), asked("age_unit", "text"), asked("sex", "text"))

    filled = reading(of, id_number=id_number(2, born="19680612"))
    assert filled.answers == {"at": filled.answers["at"], "age": 51, "age_unit": "Y", "sex": "F"}
    assert reading(of, id_number=id_number(2), sex="M").answers["sex"] == "M"


@pytest.mark.parametrize("written", ["a\x00b", "锟斤拷", "\ufffd"])
def test_damaged_text_is_not_stored(written):
    assert complaints(reading(form(asked("t", "text")), t=written)) == ["t"]


def test_a_number_with_one_bound_says_which():
    (problem,) = reading(form(asked("n", "number", low=5)), n="4").problems
    assert "5" in problem.sentence.zh


def test_a_check_may_point_at_the_question_that_is_wrong():
    def check(answers):
        return Problem("n", Label("太大", "too large")) if answers["n"] > 1 else None

    assert complaints(reading(form(asked("n", "count"), checks=(check,)), n="2")) == ["n"]


def test_a_form_whose_moment_is_no_question_cannot_be_made():
    with pytest.raises(ValueError, match="not one of its questions"):
        Form("f", 1, "s", Label("表", "Form"), (), "at")


@pytest.mark.parametrize("body", [b"\xff", b"{}", b'"text"', b'{"rows": [1]}', b"[" * 100_000])
def test_a_message_that_holds_no_rows_is_refused(body):
    with pytest.raises(Refusal):
        decode_json(body)
