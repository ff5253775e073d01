"""A simulated city sent through the doors: once, in parts, twice, too late, and from a damaged folder."""

import json
import shutil
from datetime import timedelta

import pytest
from click.testing import CliRunner
from django.db import transaction
from tests.cli import small_folder
from tests.cli.small_folder import CENTRE, DAYS, HALL, MARKET, START, at

from citywatch.city.registry.queries import city_place, institution_at, place_by_code
from citywatch.eventlog.expressions import table
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.receipts.models import Receipt
from citywatch.server.cli.replay import replay as replay_command
from citywatch.server.cli.score import score as score_command
from citywatch.server.replay import joining
from citywatch.server.replay.folder import Folder
from citywatch.server.replay.running import replay
from citywatch.server.replay.sending import NoHands, Sender

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return small_folder.write(tmp_path_factory.mktemp("city") / "city")


@pytest.fixture
def folder(written):
    return Folder(written)


def told():
    """What the system ends up holding, without the moment it was written down."""
    proposals = Entry.objects.filter(kind__startswith="warn.proposal").order_by("at", "pk")
    return (
        sorted(Submission.objects.values_list("form", "place__code", "occurred_at", "recorded_at", "count")),
        [(one.kind, one.at, one.place.code, one.body.get("level")) for one in proposals.select_related("place")],
    )


def test_an_empty_system_is_laid_out_and_everything_sent_is_stored_under_city_time(folder):
    done = replay(folder, until=at(3, 0), pace="nightly")

    assert place_by_code(HALL).parent == place_by_code(MARKET)
    assert institution_at(place_by_code(CENTRE).pk).streams == ("symptom",)
    assert done.messages == 3
    receipts = Receipt.objects.exclude(form="visits")
    assert {receipt.state for receipt in receipts} == {"processed"}
    assert sum(receipt.quarantined for receipt in receipts) == 0
    first = Submission.objects.order_by("recorded_at").first()
    assert first.recorded_at == at(0, 18)
    assert clock.day_of(clock.now()) == START + timedelta(days=3)


def test_the_visits_are_of_the_people_who_reported(folder):
    replay(folder, until=at(11, 20), pace="nightly")

    visits = export.engine().run(table("visits"), export.store().pin())
    ill = Submission.objects.filter(occurred_at__gte=at(11, 11)).values_list("person_id", flat=True)
    halls = dict(zip(visits["person"].tolist(), visits["place"].tolist(), strict=True))
    assert len(halls) == small_folder.PEOPLE
    assert len(ill) == 6
    assert {halls[person] for person in ill} == {place_by_code(HALL).pk}


def test_the_desk_verifies_the_positive_and_asks_the_cases_when_they_are_found(folder):
    replay(folder, until=at(14, 10))

    when = dict(Entry.objects.order_by("-at").values_list("kind", "at"))
    assert when["warn.event_verified"] == at(13, 21)
    assert when["trace.interview_recorded"] == at(14, 8)
    ranked = Entry.objects.filter(kind="replay.ranked").order_by("at")
    assert [entry.body["interviewed"] for entry in ranked] == [1, 2]
    assert ranked[1].body["places"][0] == HALL


def test_without_a_desk_nothing_is_verified(folder):
    replay(folder, until=at(13, 23), hands=NoHands(), pace="nightly")

    kinds = set(Entry.objects.values_list("kind", flat=True))
    assert "warn.positive_added" in kinds
    assert "warn.event_verified" not in kinds


def test_a_replay_that_was_stopped_goes_on_and_tells_the_same(folder, settings, tmp_path):
    """The whole city in one go tells what it tells in three parts, the second of them twice over."""
    with transaction.atomic():
        replay(folder, pace="nightly")
        in_one = told()
        transaction.set_rollback(True)
    settings.CITYWATCH_LOG = tmp_path / "log"

    replay(folder, until=at(11, 20), pace="nightly")
    Sender(folder).send(after=at(10, 0), until=at(11, 20))  # as after a process that was killed before it marked a day
    replay(folder, until=at(13, 3), pace="nightly")
    last = replay(folder, pace="nightly")

    assert last.begun == at(13, 3)
    assert replay(folder).messages == 0
    assert told() == in_one
    assert len(in_one[0]) > 2 * DAYS


def test_a_city_that_lived_on_without_the_folder_never_goes_back(folder):
    replay(folder, until=at(3, 0))
    root = city_place()
    journal.record("demo.advanced", place=root, by=machine("demo", place=root, abilities=[]), at=at(9, 0))

    with pytest.raises(Refusal, match=r"lived on to 2020-05-13 00:00.*never goes backwards"):
        replay(folder)


def test_nothing_falls_due_while_the_machine_is_off(folder):
    replay(folder, until=at(3, 0), pace="nightly")
    clock.set_to(at(9, 0))  # six days on the wall, and nobody was there

    done = replay(folder, until=at(4, 0), pace="nightly")

    assert done.begun == at(3, 0)
    assert clock.day_of(clock.now()) == START + timedelta(days=4)


def test_a_city_whose_time_is_later_than_the_folder_is_left_alone(folder):
    joining.lay_out(folder)
    clock.rewind_to(at(40, 0))

    with pytest.raises(Refusal, match=r"City time is 2020-06-13 00:00 and this folder begins at 2020-05-04 00:00"):
        replay(folder)


def test_a_city_that_lacks_a_place_of_the_folder_is_left_alone(folder, city):
    with pytest.raises(Refusal, match="has no place 110106018-R01"):
        replay(folder)


def test_another_folder_of_the_same_city_is_refused(folder, tmp_path):
    replay(folder, until=at(2, 0))
    other = small_folder.write(tmp_path / "other", seed=2)

    with pytest.raises(Refusal, match="market/beijing/40/2"):
        replay(Folder(other))


def test_production_keeps_the_walls_time(folder, settings):
    settings.CITY_CLOCK_MOVES = False

    with pytest.raises(Refusal, match="wall time in production"):
        replay(folder)


def test_time_at_a_multiple_waits_for_the_wall(folder, monkeypatch):
    from citywatch.server.replay import running

    wall = [100.0]
    monkeypatch.setattr(running.time, "monotonic", lambda: wall[0])
    monkeypatch.setattr(running.time, "sleep", lambda seconds: wall.__setitem__(0, wall[0] + seconds))

    replay(folder, until=at(0, 19), speed=3600)

    assert wall[0] - 100.0 == pytest.approx(19.0, abs=1.0)
    assert Submission.objects.count() == 2


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda root: shutil.rmtree(root / "reports") or (root / "scenario.json").unlink(), "scenario.json is missing"),
        (lambda root: (root / "progress.json").write_text("{}"), "not finished"),
        (lambda root: (root / "scenario.json").write_text("no"), "cannot be read"),
        (lambda root: (root / "scenario.json").write_text('{"format": 2}'), "scenario, city"),
    ],
)
def test_a_folder_that_is_none_is_refused_in_one_sentence(written, tmp_path, spoil, sentence):
    root = tmp_path / "spoilt"
    shutil.copytree(written, root)
    spoil(root)

    with pytest.raises(Refusal, match=sentence) as refused:
        Folder(root)

    assert "\n" not in refused.value.sentence


def test_a_damaged_line_is_named_with_its_file_and_number(written, tmp_path):
    root = tmp_path / "spoilt"
    shutil.copytree(written, root)
    path = root / "reports" / f"day={START}.jsonl"
    path.write_text(path.read_text() + json.dumps({"sent_at": "yesterday"}) + "\n")

    with pytest.raises(Refusal, match=r"day=2020-05-04.jsonl line 2: this is no batch"):
        replay(Folder(root), until=at(1, 0))


def test_the_command_refuses_what_is_no_folder_in_one_line(empty, tmp_path):
    ran = empty.run("replay", tmp_path / "nowhere")

    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert "name a folder that `citywatch simulate` wrote" in ran.err


def test_the_commands_replay_and_score_a_city_of_their_own(written, tmp_path, monkeypatch):
    monkeypatch.setenv("CITYWATCH_MODE", "test")
    monkeypatch.setenv("CITY", "beijing")

    ran = CliRunner().invoke(replay_command, [str(written), "--until", "2020-05-06T00:00"])
    files = ["--json", str(tmp_path / "s.json"), "--html", str(tmp_path / "s.html")]
    scored = CliRunner().invoke(score_command, [str(written), *files])

    assert ran.exit_code == 0, ran.output
    assert "city time is 2020-05-06 00:00" in ran.output
    assert scored.exit_code == 0, scored.output
    assert "proposals" in scored.output
    assert json.loads((tmp_path / "s.json").read_text())["scored"]["days"] == 2
    assert "http" not in (tmp_path / "s.html").read_text()
