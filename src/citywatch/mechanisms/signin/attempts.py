"""How often a password or a code may be tried: guessing is slow, and no stranger's guesses keep the owner out.

A browser from which somebody has signed in before carries a signed mark and is counted by itself; all others share one
count for each account and one for each address (OWASP calls the marks device cookies). What was typed as a name is
kept as a keyed hash, for people type passwords there; a name nobody bears is counted like any other.

Wrong codes of a second factor are counted in the same way, apart from the passwords of the account. Counts lie in the
database: a try is written down before it is counted, so however many processes ask, no more than the limit get through.
"""

import threading
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Account, Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.signin.models import Attempt
from citywatch.mechanisms.vault.sealing import blind

DOOR = Viewer("machine:door", "door")


@dataclass(frozen=True, slots=True)
class Limit:
    """So many failed tries within so long a time."""

    tries: int
    within: timedelta


KNOWN_BROWSER = Limit(5, timedelta(minutes=15))
ACCOUNT = Limit(10, timedelta(hours=1))
"""From all browsers together that never signed in: ten guesses an hour reach the password (goal G28)."""
ADDRESS = Limit(30, timedelta(minutes=15))
SPRAY = Limit(20, timedelta(minutes=5))
"""So many different names failing, from one address or from all: somebody tries one password on many accounts."""

_turn = threading.Lock()


class TooManyTries(Refusal):
    """Nothing is looked at for a while. The words are the same whoever asks and whether the name exists."""

    status = 429


def admit(login: str, *, address: str, browser: str, at: datetime) -> Attempt:
    """Let one password be checked, or refuse. It counts from now on, so tries side by side count each other."""
    tried = _written(_mark(login), address=address, browser=browser, at=at)
    if tried is None:
        raise TooManyTries(
            "Too many wrong passwords. Wait 15 minutes and try again from a browser you have used before, or ask "
            "your administrator to let you in.",
            zh="密码错误次数过多。请15分钟后用以前登录过的浏览器重试，或请管理员协助。",
        )
    return tried


def admit_code(login: str, *, address: str, browser: str, at: datetime) -> Attempt:
    """Let one code of a second factor be checked, or refuse; whoever gives one has given the password already."""
    tried = _written(_mark_of_code(login), address=address, browser=browser, at=at)
    if tried is None:
        raise TooManyTries(
            "Too many wrong codes. Wait 15 minutes and try again from a browser you have used before, or ask your "
            "administrator to let you in.",
            zh="验证码错误次数过多。请15分钟后用以前登录过的浏览器重试，或请管理员协助。",
        )
    return tried


def succeeded(attempt: Attempt) -> None:
    """It was right: the try was none."""
    Attempt.objects.filter(pk=attempt.pk).update(failed=False)


def failed(attempt: Attempt, *, of: Account | None = None) -> None:
    """It was wrong. What closes a door, or looks like one password tried on many accounts, is journaled.

    Of a code it is known whose it should have been: of somebody whose password another person may know.
    """
    if attempt.browser:
        count, limit, scope = _by_browser(attempt.login, attempt.browser, attempt.at), KNOWN_BROWSER, "browser"
    else:
        count, limit, scope = _by_login(attempt.login, attempt.at), ACCOUNT, "account"
        _notice_spray(attempt)
        if _by_address(attempt.address, attempt.at) == ADDRESS.tries:
            _tell("signin.paused", attempt, scope="address", failures=ADDRESS.tries)
    if count == limit.tries:
        _tell("signin.paused", attempt, of=of, scope="code" if of else scope, failures=count)


def forgive(login: str) -> int:
    """Forget an account's failures of the last hour (an administrator lets somebody in); returns how many."""
    return Attempt.objects.filter(login__in=(_mark(login), _mark_of_code(login)), failed=True).delete()[0]


def _written(name: str, *, address: str, browser: str, at: datetime) -> Attempt | None:
    """The try as it counts from now on; None, and nothing kept of it, where one too many is under way."""
    with _turn:  # tries at the very limit would else turn each other away
        tried = Attempt.objects.create(at=at, login=name, address=address, browser=browser)
        if _beyond(tried):
            tried.delete()
            return None
    return tried


def _beyond(tried: Attempt) -> bool:
    if tried.browser:
        return _by_browser(tried.login, tried.browser, tried.at) > KNOWN_BROWSER.tries
    by_login, by_address = _by_login(tried.login, tried.at), _by_address(tried.address, tried.at)
    return by_login > ACCOUNT.tries or by_address > ADDRESS.tries


def _by_browser(name: str, browser: str, at: datetime) -> int:
    return Attempt.objects.filter(login=name, browser=browser, failed=True, at__gt=at - KNOWN_BROWSER.within).count()


def _by_login(name: str, at: datetime) -> int:
    return Attempt.objects.filter(login=name, browser="", failed=True, at__gt=at - ACCOUNT.within).count()


def _by_address(address: str, at: datetime) -> int:
    return Attempt.objects.filter(address=address, browser="", failed=True, at__gt=at - ADDRESS.within).count()


def _notice_spray(attempt: Attempt) -> None:
    """Say once an hour that many accounts are being tried."""
    recent = Attempt.objects.filter(browser="", failed=True, at__gt=attempt.at - SPRAY.within)
    names = recent.values("login").distinct().count()
    if names < SPRAY.tries:
        return
    now = clock.now()
    if not Entry.objects.filter(kind="signin.spray_noticed", at__gt=now - timedelta(hours=1)).exists():
        addresses = recent.values("address").distinct().count()
        _tell("signin.spray_noticed", attempt, names=names, addresses=addresses)


def _tell(kind: str, attempt: Attempt, *, of: Account | None = None, **body: Any) -> None:
    city = Place.objects.filter(kind=Place.Kind.CITY).order_by("pk").first()
    if city is not None:
        journal.record(kind, place=city, by=DOOR, at=clock.now(), subject=of, address=attempt.address, **body)


def _mark(login: str) -> str:
    return blind(unicodedata.normalize("NFKC", login).strip().casefold(), purpose="signin.login")


def _mark_of_code(login: str) -> str:
    return blind(login.casefold(), purpose="signin.code")
