"""The doors for people: slow guessing that locks nobody else out, second factors that work once, sessions that end."""

import re
import threading
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from citywatch.mechanisms import clock
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.signin import attempts, sessions
from citywatch.mechanisms.signin.models import Attempt, OpenSession
from citywatch.server.accounts import browsers, hashing

MORNING = datetime(2026, 3, 2, 0, 30, tzinfo=UTC)
PASSWORD = "correct horse battery"
SIGN_IN = "/accounts/login/"
DESK = "/warn/"


class Wall:
    """Wall time that stands until it is moved."""

    def __init__(self):
        self.now = MORNING

    def pass_by(self, **spell):
        self.now += timedelta(**spell)


@pytest.fixture(autouse=True)
def wall(monkeypatch):
    time = Wall()
    monkeypatch.setattr(clock, "wall", lambda: time.now)
    monkeypatch.setattr(totp, "time", SimpleNamespace(time=lambda: time.now.timestamp()))  # noqa: PLW0108 - the moment moves
    return time


@pytest.fixture
def enforced(settings):
    """What a production installation asks of a sign-in."""
    settings.SIGN_IN_ENFORCED = True


@pytest.fixture
def people(accounts):
    for account in accounts.values():
        account.set_password(PASSWORD)
        account.save()
    return accounts


def enter(client, name, password=PASSWORD, address="192.0.2.1"):
    return client.post(SIGN_IN, {"login": name, "password": password}, REMOTE_ADDR=address)


def inside(client):
    return "_auth_user_id" in client.session


def code(secret, wall):
    step = int(wall.now.timestamp()) // 30
    return totp.format_hotp_value(totp.hotp_value(secret, step))


def enrol(client, wall):
    """Set the app up as the page asks; returns the secret."""
    page = client.get("/accounts/2fa/totp/activate/")
    secret = re.search(r'class="secret"><code>([A-Z2-7]+)<', page.content.decode())[1]
    done = client.post("/accounts/2fa/totp/activate/", {"code": code(secret, wall)})
    assert done.status_code == 302, done.content.decode()
    return secret


# ---- the second factor


def test_a_role_that_decides_is_asked_for_a_second_factor_before_anything_else(enforced, people):
    client = Client()
    enter(client, "duty_officer")

    assert client.get(DESK)["Location"] == "/accounts/2fa/totp/activate/"
    assert client.post("/warn/close/", {}).status_code == 302
    assert client.get("/api/city").status_code == 403
    assert client.get("/accounts/sessions/").status_code == 200


def test_a_nurse_who_only_reports_is_not_asked(enforced, people):
    client = Client()
    enter(client, "sentinel_nurse")

    assert client.get("/sense/").status_code == 200


def test_the_administrators_pages_have_no_door_of_their_own(enforced, people):
    staff = people["nobody"]
    staff.is_staff = True
    staff.save()
    client = Client()

    assert client.get("/admin/login/?next=/admin/")["Location"].startswith(SIGN_IN)
    enter(client, "nobody")
    assert client.get("/admin/")["Location"] == "/accounts/2fa/totp/activate/"


def test_outside_production_nobody_is_asked(people):
    client = Client()
    enter(client, "duty_officer")

    assert client.get(DESK).status_code == 200


def test_a_tired_person_sets_up_the_app_prints_the_codes_and_is_in(enforced, people, wall):
    client = Client(headers={"accept-language": "zh-CN"})
    enter(client, "duty_officer")

    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    assert "data:image/svg+xml;base64," in page
    assert "请在应用中手动输入此密钥" in page
    enrol(client, wall)
    codes = client.get("/accounts/2fa/recovery-codes/").content.decode()

    assert len(re.findall(r"<li><code>\d{4} \d{4}</code>", codes)) == 10
    assert not re.search(r"<code>\d{4} \d{4}", client.get("/accounts/2fa/recovery-codes/").content.decode())
    assert client.get(DESK).status_code == 200


def test_secrets_of_second_factors_lie_sealed(enforced, people, wall):
    client = Client()
    enter(client, "duty_officer")
    secret = enrol(client, wall)

    assert all(secret not in str(row.data) for row in Authenticator.objects.all())


def test_a_code_opens_one_door_once(enforced, people, wall):
    first, second, third = Client(), Client(), Client()
    enter(first, "duty_officer")
    secret = enrol(first, wall)
    assert enter(second, "duty_officer")["Location"] == "/accounts/2fa/authenticate/"

    used = second.post("/accounts/2fa/authenticate/", {"code": code(secret, wall)})
    assert used.status_code == 200
    assert not inside(second), "the code that set the app up opened the door again"

    wall.pass_by(seconds=60)
    fresh = code(secret, wall)
    assert second.post("/accounts/2fa/authenticate/", {"code": fresh}).status_code == 302
    assert inside(second)
    enter(third, "duty_officer")
    wall.pass_by(seconds=20)
    third.post("/accounts/2fa/authenticate/", {"code": fresh})
    assert not inside(third), "a code was used twice"


def test_a_session_opened_before_the_factor_was_set_up_elsewhere_is_worth_nothing(enforced, people, wall):
    thief, owner = Client(), Client()
    enter(thief, "duty_officer")
    enter(owner, "duty_officer")
    enrol(owner, wall)

    assert SIGN_IN in thief.get(DESK)["Location"]
    assert not inside(thief)
    assert owner.get(DESK).status_code == 200


def test_who_has_a_second_factor_confirms_with_it_and_not_with_the_password(enforced, people, wall):
    client = Client()
    enter(client, "duty_officer")
    secret = enrol(client, wall)
    wall.pass_by(minutes=11)

    asked = client.get("/accounts/2fa/recovery-codes/generate/")
    assert asked["Location"].startswith("/accounts/2fa/reauthenticate/")
    assert client.get("/accounts/reauthenticate/")["Location"].startswith("/accounts/2fa/reauthenticate/")
    client.post("/accounts/2fa/reauthenticate/", {"code": code(secret, wall)})
    assert client.get("/accounts/2fa/recovery-codes/generate/").status_code == 200


def wrong_codes(client, tries):
    for _ in range(tries):
        page = client.post("/accounts/2fa/authenticate/", {"code": "000000"})
        cache.clear()  # what one process remembers the next does not know
    return page.content.decode()


def test_wrong_codes_are_counted_for_all_processes_and_keep_the_owner_s_own_browser_in(people, wall):
    desk = Client()
    enter(desk, "duty_officer")
    secret = enrol(desk, wall)
    desk.post("/accounts/logout/")
    wall.pass_by(minutes=1)
    thief = Client(headers={"accept-language": "zh-CN"})
    enter(thief, "duty_officer", address="203.0.113.9")

    assert "验证码错误次数过多" not in wrong_codes(thief, attempts.ACCOUNT.tries)
    assert "验证码错误次数过多" in wrong_codes(thief, 1)
    thief.post("/accounts/2fa/authenticate/", {"code": code(secret, wall)})
    assert not inside(thief), "the eleventh code of the hour was looked at"
    enter(desk, "duty_officer")
    assert desk.post("/accounts/2fa/authenticate/", {"code": code(secret, wall)}).status_code == 302
    assert inside(desk)
    paused = Entry.objects.get(kind="signin.paused")
    assert (paused.body["scope"], paused.subject_id) == ("code", people["duty_officer"].pk)


def test_wrong_codes_do_not_count_as_wrong_passwords_and_an_administrator_forgives_both(people, wall):
    owner, other = Client(), Client()
    enter(owner, "duty_officer")
    enrol(owner, wall)
    enter(other, "duty_officer")
    wrong_codes(other, attempts.ACCOUNT.tries)

    assert enter(Client(), "duty_officer")["Location"] == "/accounts/2fa/authenticate/"
    assert attempts.forgive("duty_officer") == attempts.ACCOUNT.tries
    assert "Too many wrong codes" not in wrong_codes(other, 1)


# ---- guessing


def test_an_unknown_name_costs_as_much_and_is_told_the_same(people, monkeypatch):
    hashed = []
    encode = MD5PasswordHasher.encode
    monkeypatch.setattr(MD5PasswordHasher, "encode", lambda self, *given: hashed.append(1) or encode(self, *given))
    answers = []
    for name in ("duty_officer", "nobody-here0"):
        page = enter(Client(), name, "wrong")
        text = re.sub(r'value="[^"]{64}"|"X-CSRFToken": "[^"]+"|nonce="[^"]+"', "", page.content.decode())
        answers.append((page.status_code, text.replace(name, ""), len(hashed)))
        hashed.clear()

    assert answers[0] == answers[1]
    assert answers[0][2] == 1


def test_strangers_who_guess_do_not_keep_the_owner_out(people, wall):
    desk = Client()
    enter(desk, "duty_officer")
    desk.post("/accounts/logout/")
    for guess in range(10):
        assert enter(Client(), "duty_officer", f"guess {guess}", f"198.51.100.{guess}").status_code == 200

    stranger = Client()
    refused = enter(stranger, "duty_officer", PASSWORD, "203.0.113.7")
    assert refused.status_code == 429
    assert not inside(stranger), "the eleventh guess of the hour reached the password"
    assert enter(desk, "duty_officer").status_code == 302
    assert inside(desk)
    wall.pass_by(minutes=61)
    assert enter(stranger, "duty_officer", PASSWORD, "203.0.113.7").status_code == 302


def test_of_two_processes_at_the_limit_one_alone_looks_at_the_password(db, monkeypatch):
    def guess(address):
        return attempts.admit("duty_officer", address=address, browser="", at=MORNING)

    for number in range(attempts.ACCOUNT.tries - 1):
        attempts.failed(guess(f"198.51.100.{number}"))
    counted = attempts._beyond

    def while_another_process_asks(tried):
        beyond = counted(tried)
        monkeypatch.setattr(attempts, "_beyond", counted)
        with pytest.raises(attempts.TooManyTries):
            guess("203.0.113.8")
        return beyond

    monkeypatch.setattr(attempts, "_turn", nullcontext())  # a lock is one process' own
    monkeypatch.setattr(attempts, "_beyond", while_another_process_asks)
    guess("203.0.113.7")
    assert Attempt.objects.count() == attempts.ACCOUNT.tries, "a refused try is none"


def test_a_known_browser_has_a_count_of_its_own(people):
    desk, other = Client(), Client()
    enter(desk, "duty_officer")
    desk.post("/accounts/logout/")
    for _ in range(5):
        enter(desk, "duty_officer", "wrong")

    assert enter(desk, "duty_officer").status_code == 429
    assert enter(other, "duty_officer").status_code == 302


def test_a_mark_of_another_account_or_a_forged_one_makes_no_browser_known(people):
    nurse = Client()
    enter(nurse, "sentinel_nurse")
    nurse.post("/accounts/logout/")
    for guess in range(10):
        enter(nurse, "duty_officer", f"guess {guess}")
    assert enter(nurse, "duty_officer").status_code == 429

    forged = Client()
    forged.cookies["known_browser"] = nurse.cookies["known_browser"].value[:-2] + "xx"
    assert enter(forged, "duty_officer").status_code == 429


def test_one_address_cannot_try_every_account(people):
    for number in range(attempts.ADDRESS.tries):
        enter(Client(), f"staff{number}", "spring2026", "203.0.113.9")

    assert enter(Client(), "duty_officer", "spring2026", "203.0.113.9").status_code == 429
    assert enter(Client(), "duty_officer", PASSWORD, "203.0.113.10").status_code == 302


def test_one_password_tried_on_many_accounts_is_noticed_at_once_and_said_once(people):
    for number in range(attempts.SPRAY.tries + 5):
        enter(Client(), f"staff{number}", "spring2026", f"203.0.113.{number}")

    noticed = Entry.objects.get(kind="signin.spray_noticed")
    assert noticed.body["names"] == attempts.SPRAY.tries
    assert noticed.body["addresses"] == attempts.SPRAY.tries


def test_what_was_typed_as_a_name_is_kept_nowhere(people):
    enter(Client(), "my-password-typed-in-haste", "wrong")

    assert Attempt.objects.filter(failed=True).count() == 1
    assert "haste" not in str(list(Attempt.objects.values()))


def test_no_more_than_four_passwords_are_hashed_at_once(monkeypatch):
    at_work, most, gate = [], [], threading.Barrier(hashing.AT_ONCE)

    def slow(self, password, salt, iterations=None):
        at_work.append(1)
        most.append(len(at_work))
        gate.wait(10)
        at_work.pop()
        return "hashed"

    monkeypatch.setattr(hashing.PBKDF2PasswordHasher, "encode", slow)
    crowd = [threading.Thread(target=hashing.Patient().encode, args=("x", "salt")) for _ in range(hashing.AT_ONCE * 3)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join(20)

    assert len(most) == hashing.AT_ONCE * 3
    assert max(most) == hashing.AT_ONCE


def test_a_flood_waits_and_is_then_asked_to_come_back(monkeypatch):
    monkeypatch.setattr(hashing, "_PATIENCE", 0.01)
    monkeypatch.setattr(hashing, "_seats", threading.BoundedSemaphore(1))
    hashing._seats.acquire()

    with pytest.raises(hashing.DoorBusy, match="一分钟后重试"):
        hashing.Patient().encode("x", "salt")


# ---- sessions


def test_signing_in_gives_a_new_session_so_that_nobody_can_plant_one(people):
    client = Client()
    client.get(SIGN_IN)
    planted = Client()
    planted.cookies["sessionid"] = "a" * 32
    session = client.session
    session["anything"] = 1
    session.save()
    before = session.session_key
    enter(client, "duty_officer")
    enter(planted, "duty_officer")

    assert client.session.session_key not in {before, None}
    assert planted.session.session_key != "a" * 32
    assert not Session.objects.filter(session_key=before).exists()


def test_a_desk_left_alone_is_signed_out_after_fifteen_minutes(enforced, people, client_as, wall):
    client = client_as("sentinel_nurse")
    quiet = client_as("commander")
    people["sentinel_nurse"].grants.get().role.__class__.objects.filter(code="commander").update(second_factor=False)
    assert quiet.get("/respond/").status_code == 200
    assert client.get("/sense/").status_code == 200
    wall.pass_by(minutes=14)
    assert quiet.get("/accounts/session/").json() == {"left": 60}
    wall.pass_by(minutes=1)
    gone = quiet.get("/respond/", headers={"accept-language": "zh-CN"})

    assert gone["Location"].startswith(SIGN_IN)
    assert not inside(quiet)
    assert quiet.get("/accounts/session/").status_code == 302
    assert client.get("/sense/").status_code == 200, "the nurse's role has no such rule"


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in_but_a_person_does(enforced, people, client_as, wall):
    from citywatch.mechanisms.jurisdiction.models import Role

    Role.objects.update(second_factor=False)
    wallscreen, person = client_as("commander"), client_as("commander")
    for client in (wallscreen, person):
        client.get("/respond/")
    for _ in range(4):
        wall.pass_by(minutes=4)
        wallscreen.get("/respond/", headers={"HX-Request": "true"})
        person.post("/accounts/session/")

    assert inside(person)
    gone = wallscreen.get("/respond/", headers={"HX-Request": "true"})
    assert gone.status_code in {204, 302}
    assert not inside(wallscreen)


def test_no_session_outlives_a_shift_however_busy(people, client_as, wall):
    client = client_as("press")
    for _ in range(12):
        assert client.get("/accounts/sessions/").status_code == 200
        wall.pass_by(hours=1)

    assert client.get("/accounts/sessions/")["Location"].startswith(SIGN_IN)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/137.0 Safari/537.36",
            "Chrome, Windows",
        ),
        (
            "Mozilla/5.0 (Linux; Android 9) Chrome/86 Mobile Safari/537.36 MicroMessenger/8",
            "WeChat, Android",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 13_0 like Mac OS X) Version/13 Safari/604",
            "Safari, iPhone",
        ),
        ("curl/8.4", "curl/8.4"),
    ],
)
def test_a_session_is_called_by_what_its_owner_sits_at(agent, words):
    assert browsers.described(agent) == words


def test_somebody_sees_and_ends_sessions_of_their_own_and_of_nobody_else(people, client_as):
    home, ward, stranger = client_as("duty_officer"), client_as("duty_officer"), client_as("press")
    for client in (home, ward, stranger):
        client.get("/accounts/sessions/", REMOTE_ADDR="192.0.2.44")
    theirs = OpenSession.objects.get(session_key=stranger.session.session_key)
    own = OpenSession.objects.get(session_key=ward.session.session_key)

    assert home.get("/accounts/sessions/").content.decode().count("192.0.2.44") == 2
    assert home.post("/accounts/sessions/end/", {"session": theirs.pk}).status_code == 404
    assert home.post("/accounts/sessions/end/", {"session": own.pk}).status_code == 302
    assert not inside(ward)
    assert inside(home)
    assert inside(stranger)


def test_a_new_right_begins_with_a_new_session(people, client_as, city, viewers):
    from tests.conftest import NOON

    from citywatch.city.registry.services import grant

    client, other = client_as("press"), client_as("duty_officer")
    for one in (client, other):
        one.get("/accounts/sessions/")
    grant(people["press"], role="lab_reader", place=city, by=viewers["duty_officer"], at=NOON)

    assert not inside(client)
    assert inside(other)


def test_who_came_in_is_on_record(people):
    enter(Client(), "duty_officer", address="192.0.2.77")

    entered = Entry.objects.get(kind="signin.entered")
    assert entered.actor == f"account:{people['duty_officer'].pk}"
    assert entered.body["address"] == "192.0.2.77"


def test_an_ended_session_is_over_for_the_library_too(people, client_as):
    client = client_as("press")
    client.get("/accounts/sessions/")

    assert sessions.end_all(people["press"]) == 1
    assert client.get("/accounts/sessions/").status_code == 302
