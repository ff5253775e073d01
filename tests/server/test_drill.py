"""A drill: a system of its own, marked everywhere, worked by people, judged by the truth once it has ended."""

import json
from datetime import timedelta
from io import BytesIO

import docx
import pytest
from django.conf import settings
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from tests.cli import small_folder
from tests.cli.small_folder import HALL, at

from citywatch.city.registry.queries import place_by_code
from citywatch.city.respond import queries as respond_queries
from citywatch.city.respond import services as respond
from citywatch.city.trace import services as trace
from citywatch.city.warn import desk as warn_desk
from citywatch.city.warn import queries as warn_queries
from citywatch.city.warn import services as warn
from citywatch.city.warn import triage
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Conflict, Refusal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Account
from citywatch.mechanisms.jurisdiction.services import viewer_for
from citywatch.server import wiring
from citywatch.server.demo import build
from citywatch.server.drill import exercise, launching, playing, watermark
from citywatch.server.drill.after_action import sheet
from citywatch.server.drill.document import after_action_docx
from citywatch.server.replay.folder import Folder
from citywatch.server.replay.investigating import Investigators
from citywatch.server.replay.running import replay

BOTH = "演练 EXERCISE"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return small_folder.write(tmp_path_factory.mktemp("city") / "city")


def by(username):
    return viewer_for(Account.objects.get(username=username), at=clock.now())


def work(folder, source):
    """What the people of this drill do: close nothing wrongly but one, verify late, publish a source, give an order."""
    hands = Investigators(folder.interviews, verifies=False)
    replay(folder, until=at(13, 23), pace="hourly", hands=hands)
    duty, district, commander = by("duty"), by("district"), by("commander")
    for row in warn_desk.inbox(duty).rows:
        if row.facts.level == "red":
            warn.verify(row.facts.id, by=duty, at=at(14, 1), because="核酸阳性")
    wiring.catch_up()
    (event,) = warn_queries.open_events(duty)
    investigation = trace.open_investigation(event.id, by=duty, at=at(14, 2), because="已核实")
    wiring.catch_up()
    replay(folder, until=at(14, 12), pace="hourly", hands=hands)
    place = place_by_code(source).pk
    trace.publish_risk_point(investigation, place, by=district, at=at(14, 13), because="共同暴露")
    wiring.catch_up()
    (incident,) = respond_queries.open_incidents(commander)
    respond.decide_level(incident.id, incident.proposed, by=commander, at=at(14, 14), because="按规则")
    respond.issue_orders(incident.id, by=commander, at=at(14, 14.5))
    replay(folder, until=at(14, 15), pace="hourly", hands=hands)


@pytest.fixture(scope="module")
def judged(django_db_setup, django_db_blocker, written, tmp_path_factory):
    """The after-action sheet of one whole drill, and what its journal holds; the drill itself is undone."""
    log, home = settings.CITYWATCH_LOG, tmp_path_factory.mktemp("drill")
    folder = Folder(written)
    with django_db_blocker.unblock(), transaction.atomic():
        settings.CITYWATCH_LOG = home / "log"
        playing.prepare(folder, home=home, speed=60, takes_over=at(12, 20), tell=None)
        took_over = clock.now()
        work(folder, HALL)
        exercise.end(home, at=at(14, 15))
        made = sheet(exercise.read(home), folder)
        kinds = set(Entry.objects.values_list("kind", flat=True))
        transaction.set_rollback(True)
    settings.CITYWATCH_LOG = log
    clock.forget()
    return made, home, kinds, took_over


def test_people_take_over_a_city_at_work_with_six_accounts(judged):
    _, home, kinds, took_over = judged

    assert abs(took_over - at(12, 20)) < timedelta(minutes=10)
    assert set(exercise.accounts(home)) == {role.username for role in build.ROLES}
    assert (home / "accounts.json").stat().st_mode & 0o077 == 0
    assert "trace.interview_recorded" in kinds


def test_the_sheet_tells_how_long_each_step_took_and_whether_the_source_was_right(judged):
    made, *_ = judged
    steps = {one.label.en: one for one in made.steps}

    assert steps["Open the investigation"].minutes == 60
    assert steps["Publish the source"].minutes == 12 * 60
    assert steps["Publish the source"].right
    assert steps["Decide the response level"].minutes == 13 * 60
    assert steps["Issue the first order"].minutes == 13 * 60 + 30
    assert made.outbreak["kind"] == "market"
    assert [one.right for one in made.verified] == [True]


def test_the_sheet_counts_from_the_moment_people_took_over(judged):
    """The machine proposed the outbreak the night before they came; nobody is blamed for the hours before."""
    made, *_ = judged

    assert made.steps[0].since == at(12, 20)
    assert made.steps[0].minutes == 29 * 60
    assert made.closed == ()


def test_the_sheet_is_a_word_document_with_the_same_figures(judged):
    made, *_ = judged

    text = _text(watermark.marked_document(after_action_docx(made)))

    assert "780" in text
    assert BOTH in text


@pytest.mark.django_db
def test_closing_the_outbreak_is_told_as_wrong(written, tmp_path):
    folder = Folder(written)
    playing.prepare(folder, home=tmp_path, speed=1, takes_over=at(12, 20), tell=None)
    duty = by("duty")
    shown = warn_desk.inbox(duty).rows
    triage.answer_many("close", [row.facts.id for row in shown], by=duty, at=at(12, 21), because="散发")
    replay(folder, until=at(12, 22), pace="nightly", hands=playing.Routine())

    with pytest.raises(Conflict, match="演练尚未结束"):
        sheet(exercise.read(tmp_path), folder)
    exercise.end(tmp_path, at=at(12, 22))
    made = sheet(exercise.read(tmp_path), folder)

    assert [one.right for one in made.closed] == [False]
    assert made.wrong_closures[0].because == "散发"
    assert made.steps[0].done is None


@pytest.mark.django_db
def test_a_drill_needs_an_empty_system_and_a_speed_that_people_can_follow(written, city, tmp_path):
    with pytest.raises(Refusal, match="holds a city already"):
        playing.prepare(Folder(written), home=tmp_path, speed=1, takes_over=None, tell=None)
    with pytest.raises(Refusal, match="×1至×600"):
        playing.prepare(Folder(written), home=tmp_path, speed=601, takes_over=None, tell=None)


def test_people_take_over_a_day_before_the_first_positive(written):
    assert playing.take_over_at(Folder(written)) == at(12, 20)


def test_the_drill_plays_on_until_it_is_ended(written, tmp_path, monkeypatch):
    exercise.write(tmp_path, exercise.Exercise(str(written), 60, at(12, 20).isoformat()))
    asked = []

    def stands_in(folder, *, speed, pace, hands, stops):
        asked.append((speed, stops()))
        exercise.end(tmp_path, at=at(12, 21))
        asked.append((speed, stops()))
        from citywatch.server.replay.running import Replayed

        return Replayed(at(12, 20), at(12, 21), 0, 0.0)

    monkeypatch.setattr(playing, "replay", stands_in)
    playing.play(tmp_path)

    assert asked == [(60, False), (60, True)]


def test_another_speed_holds_from_the_next_step_on(written, tmp_path, monkeypatch):
    exercise.write(tmp_path, exercise.Exercise(str(written), 60, at(12, 20).isoformat()))
    asked = []

    def stands_in(folder, *, speed, pace, hands, stops):
        from citywatch.server.replay.running import Replayed

        if speed == 60:
            exercise.set_speed(tmp_path, 600)
        else:
            exercise.end(tmp_path, at=at(12, 21))
        asked.append((speed, stops()))
        return Replayed(at(12, 20), at(12, 21), 0, 0.0)

    monkeypatch.setattr(playing, "replay", stands_in)
    playing.play(tmp_path)

    assert asked == [(60, True), (600, True)]


# ── The mark ────────────────────────────────────────────────────────────────


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["drill:home", "report:command", "warn:inbox", "respond:incidents"])
def test_every_page_of_a_drill_says_that_it_is_an_exercise(name, client_as, settings):
    settings.DRILL = True
    answer = client_as("commander").get(reverse(name))

    assert answer.status_code == 200
    assert BOTH in answer.content.decode()
    assert answer[watermark.HEADER] == "EXERCISE"


@pytest.mark.django_db
def test_strangers_too_see_that_it_is_an_exercise(settings):
    settings.DRILL = True

    assert BOTH in Client().get(reverse("account_login")).content.decode()


@pytest.mark.django_db
def test_no_page_of_the_citys_own_system_does(client_as):
    answer = client_as("commander").get(reverse("report:command"))

    assert "EXERCISE" not in answer.content.decode()
    assert watermark.HEADER not in answer


@pytest.mark.django_db
def test_every_document_of_a_drill_is_marked_on_its_pages_and_in_its_name(client_as, settings):
    settings.DRILL = True
    answer = client_as("duty_officer").get(reverse("report:situation_docx"))

    assert BOTH in _text(answer.content)
    assert 'filename="EXERCISE-situation-' in answer["Content-Disposition"]


def test_every_other_file_of_a_drill_is_marked_in_its_name():
    response = HttpResponse("a,b", content_type="text/csv")
    response["Content-Disposition"] = 'attachment; filename="cases.csv"'

    marked = watermark.mark(response)

    assert marked["Content-Disposition"].startswith('attachment; filename="EXERCISE-cases.csv"')
    assert marked.content == b"a,b"


def _text(content):
    document = docx.Document(BytesIO(content))
    heads = [p.text for section in document.sections for p in section.header.paragraphs]
    cells = [cell.text for table in document.tables for row in table.rows for cell in row.cells]
    return "\n".join([*heads, *(p.text for p in document.paragraphs), *cells])


# ── Starting one from a page ────────────────────────────────────────────────


@pytest.fixture
def own_home(settings, tmp_path):
    settings.HOME = tmp_path
    (tmp_path / "scenarios" / "market").mkdir(parents=True)
    (tmp_path / "scenarios" / "market" / "scenario.json").write_text("{}")
    return tmp_path


@pytest.mark.django_db
def test_the_commander_starts_a_drill_that_shares_nothing_with_the_city(client_as, own_home, monkeypatch, at_noon):
    started = []
    monkeypatch.setattr(launching.subprocess, "Popen", lambda command, **more: started.append((command, more)))
    monkeypatch.setenv("DATABASE_URL", "postgresql://city/city")
    monkeypatch.setenv("CITYWATCH_HOME", str(own_home))
    client = client_as("commander")

    answer = client.post(reverse("drill:start"), {"scenario": "market", "speed": "60"})

    assert answer.status_code == 302
    ((command, more),) = started
    home = command[command.index("--home") + 1]
    assert home.startswith(str(own_home / "drills"))
    assert command[command.index("--speed") + 1] == "60"
    assert not {"DATABASE_URL", "CITYWATCH_HOME", "CITYWATCH_MODE"} & set(more["env"])
    assert more["start_new_session"]
    entry = Entry.objects.get(kind="drill.started")
    assert entry.body["scenario"] == "market"
    assert "market" in client.get(reverse("drill:home")).content.decode()


@pytest.mark.django_db
def test_nobody_else_starts_one(client_as, own_home):
    for role in ("duty_officer", "investigator", "press"):
        assert client_as(role).post(reverse("drill:start"), {"scenario": "market"}).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("asked", [{"scenario": "../x", "speed": "1"}, {"scenario": "market", "speed": "601"}])
def test_a_drill_of_nothing_or_too_fast_is_refused_in_a_sentence(client_as, own_home, monkeypatch, asked):
    monkeypatch.setattr(launching.subprocess, "Popen", lambda *_a, **_k: pytest.fail("started"))

    answer = client_as("commander").post(reverse("drill:start"), asked)

    assert answer.status_code in {400, 404, 422}
    assert not (own_home / "drills").exists()


@pytest.mark.django_db
def test_the_commander_ends_the_drill_and_reads_the_sheet(client_as, own_home, settings, at_noon):
    settings.DRILL = True
    exercise.write(own_home, exercise.Exercise("nowhere", 60, at(12, 20).isoformat()))
    client = client_as("commander")

    early = client.get(reverse("drill:sheet"))
    answer = client.post(reverse("drill:end"))

    assert early.status_code in {400, 409, 422}
    assert answer["Location"] == reverse("drill:sheet")
    assert json.loads((own_home / "drill.json").read_text())["ended"] == at_noon.isoformat()


@pytest.mark.django_db
def test_the_commander_changes_the_speed_within_bounds_and_nobody_once_it_ended(client_as, own_home, settings, at_noon):
    settings.DRILL = True
    exercise.write(own_home, exercise.Exercise("nowhere", 60, at(12, 20).isoformat()))
    client = client_as("commander")

    assert client_as("duty_officer").post(reverse("drill:pace"), {"speed": "10"}).status_code == 403
    assert client.post(reverse("drill:pace"), {"speed": "601"}).status_code in {400, 422}
    assert exercise.read(own_home).speed == 60
    assert client.post(reverse("drill:pace"), {"speed": "300"}).status_code == 302
    assert exercise.read(own_home).speed == 300
    assert Entry.objects.get(kind="drill.speed_changed").body["speed"] == 300
    client.post(reverse("drill:end"))
    assert client.post(reverse("drill:pace"), {"speed": "10"}).status_code in {400, 422}


def test_every_kind_of_outbreak_a_scenario_plans_has_a_name_people_read():
    from citywatch.server.drill.after_action import _KINDS
    from citywatch.simulation.scenarios.plans import KINDS

    assert {kind.name for kind in KINDS} <= set(_KINDS)
