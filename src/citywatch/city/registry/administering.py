"""What the administrators do: accounts and machine keys (one of them), rights (another); each journaled, at once.

Nobody acts on an account of their own, and no verb here opens anything about a patient.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db import models, transaction

from citywatch.city.registry import services
from citywatch.city.registry.models import Institution, Staff
from citywatch.mechanisms.errors import NotAllowed, NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import (
    NOTHING_HERE,
    NOTHING_HERE_ZH,
    Account,
    Grant,
    MachineKey,
    Place,
    Role,
    must,
)
from citywatch.mechanisms.jurisdiction.services import issue_key
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.signin import attempts, sessions

ACCOUNTS, RIGHTS = "accounts.manage", "grants.manage"
OF_MACHINES = ("sense.submit", "sense.view", "lab.result")
"""What a reporting system may be let do: report, at its own institution."""


def staff(by: Viewer, ability: str) -> models.QuerySet[Staff]:
    """The people an administrator looks after: those who work below the administrator's places."""
    return Staff.objects.visible_to(by, ability).select_related("account", "place").order_by("account__username")


def one_of(by: Viewer, ability: str, username: str) -> Staff:
    """One of them by sign-in name; refuses alike whether they are absent or another administrator's."""
    found = staff(by, ability).filter(account__username=username).first()
    if found is None:
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    return found


@transaction.atomic
def make_account(*, username: str, place: Place, title_zh: str, title_en: str, by: Viewer, at: datetime) -> str:
    """Make an account that may do nothing yet; gives its first password, to be told once."""
    must(by, ACCOUNTS, place)
    Account.username_validator(username)
    if Account.objects.filter(username__iexact=username).exists():
        raise Refusal(
            f"There is an account {username!r} already; choose another name.",
            zh=f"账户“{username}”已存在；请换一个名称。",
        )
    password = secrets.token_urlsafe(12)
    account = services.make_account(
        username=username, password=password, place=place, title_zh=title_zh, title_en=title_en or title_zh
    )
    journal.record("registry.account_made", place=place, by=by, at=at, subject=account)
    return password


@transaction.atomic
def new_password(who: Staff, *, by: Viewer, at: datetime, because: str) -> str:
    """Give somebody who lost theirs a new password, to be told once; their sessions end."""
    _may(who, ACCOUNTS, by)
    password = secrets.token_urlsafe(12)
    who.account.set_password(password)
    who.account.save(update_fields=["password"])
    _changed("registry.password_given", who, by=by, at=at, because=because)
    return password


@transaction.atomic
def reset_second_factor(who: Staff, *, by: Viewer, at: datetime, because: str) -> None:
    """Take away the second factors of somebody who lost them; they set up a new one when they next come in."""
    _may(who, ACCOUNTS, by)
    Authenticator.objects.filter(user=who.account).delete()
    _changed("registry.second_factor_reset", who, by=by, at=at, because=because)


@transaction.atomic
def forgive(who: Staff, *, by: Viewer, at: datetime, because: str) -> None:
    """Let somebody in whose account a stranger has been guessing at."""
    _may(who, ACCOUNTS, by)
    attempts.forgive(who.account.username)
    journal.record("registry.failures_forgiven", place=who.place, by=by, at=at, because=because, subject=who.account)


@transaction.atomic
def close_account(who: Staff, *, by: Viewer, at: datetime, because: str) -> None:
    """Let somebody who left sign in no more; what they did stays theirs."""
    _may(who, ACCOUNTS, by)
    who.account.is_active = False
    who.account.save(update_fields=["is_active"])
    _changed("registry.account_closed", who, by=by, at=at, because=because)


@transaction.atomic
def reopen_account(who: Staff, *, by: Viewer, at: datetime, because: str) -> None:
    """Let somebody who came back sign in again."""
    _may(who, ACCOUNTS, by)
    who.account.is_active = True
    who.account.save(update_fields=["is_active"])
    _changed("registry.account_reopened", who, by=by, at=at, because=because)


@transaction.atomic
def give_role(
    who: Staff, *, role: str, place: Place, until: datetime | None, by: Viewer, at: datetime, because: str
) -> Grant:
    """Give a role over a subtree, for a reason."""
    _may(who, RIGHTS, by)
    must(by, RIGHTS, place)
    _reasoned(because)
    if until is not None and until <= at:
        raise Refusal(
            "The end of a right lies in the past; choose a later day.", zh="授权截止时间已过；请选择以后的日期。"
        )
    return services.grant(who.account, role=role, place=place, by=by, at=at, until=until, because=because)


@transaction.atomic
def take_role(who: Staff, grant_id: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Take one role away; effective with that account's next request."""
    _may(who, RIGHTS, by)
    _reasoned(because)
    made = services.grants_in_force(who.account, at=at).filter(pk=grant_id).first()
    if made is None or not by.may(RIGHTS, made.place.path):
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    services.withdraw(made, by=by, at=at, because=because)


@transaction.atomic
def change_role(role: Role, *, abilities: Sequence[str], by: Viewer, at: datetime, because: str, city: Place) -> None:
    """Give a role other abilities; whoever holds it begins a new session."""
    must(by, RIGHTS, city)
    before = list(role.abilities)
    role.abilities = list(abilities)
    role.save(update_fields=["abilities"])
    journal.record(
        "registry.role_changed", place=city, by=by, at=at, because=because, role=role.code, before=before,
        after=list(abilities),
    )  # fmt: skip
    for account in Account.objects.filter(grants__role=role).distinct():
        sessions.end_all(account)


# ---- machine keys


def keys(by: Viewer) -> list[MachineKey]:
    """The keys of reporting systems below the administrator's places, those in use first."""
    rows = MachineKey.objects.select_related("place").order_by("revoked_at", "name")
    return [key for key in rows if by.may(ACCOUNTS, key.place.path)]


@transaction.atomic
def make_key(*, name: str, place: Place, abilities: Sequence[str], by: Viewer, at: datetime) -> str:
    """Issue a key to a reporting system of one institution; gives the token, to be told once."""
    must(by, ACCOUNTS, place)
    if not Institution.objects.filter(place=place).exists():  # a school reports too
        raise Refusal(
            "A key belongs to one institution; choose the institution.", zh="密钥只能发给一家机构；请选择机构。"
        )
    if not abilities or not set(abilities) <= set(OF_MACHINES):
        raise Refusal("A key may report and nothing else.", zh="密钥只能用于报告数据。")
    token = issue_key(name=name, place=place, abilities=list(abilities), at=at)
    journal.record("registry.key_issued", place=place, by=by, at=at, name=name, abilities=list(abilities))
    return token


@transaction.atomic
def rotate_key(number: int, *, by: Viewer, at: datetime) -> str:
    """Put a new key in an old one's place; the old one opens nothing from now on."""
    old = _key(number, by)
    revoke_key(number, by=by, at=at, because="rotated")
    return make_key(name=old.name, place=old.place, abilities=old.abilities, by=by, at=at)


@transaction.atomic
def revoke_key(number: int, *, by: Viewer, at: datetime, because: str) -> None:
    """Let a key open nothing any more."""
    key = _key(number, by)
    key.revoked_at = at
    key.save(update_fields=["revoked_at"])
    journal.record("registry.key_revoked", place=key.place, by=by, at=at, because=because, subject=key)


def _key(number: int, by: Viewer) -> MachineKey:
    key = MachineKey.objects.select_related("place").filter(pk=number, revoked_at__isnull=True).first()
    if key is None or not by.may(ACCOUNTS, key.place.path):
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    return key


def _may(who: Staff, ability: str, by: Viewer) -> None:
    must(by, ability, who.place)
    if by.actor == f"account:{who.account_id}":
        raise NotAllowed(
            "Nobody changes an account or rights of their own; ask another administrator.",
            zh="不能变更本人的账户或权限；请由其他管理员办理。",
        )


def _reasoned(because: str) -> None:
    if not because.strip():
        raise Refusal("Rights are changed for a reason; say which.", zh="变更权限须说明原因；请填写。")


def _changed(kind: str, who: Staff, *, by: Viewer, at: datetime, because: str) -> None:
    journal.record(kind, place=who.place, by=by, at=at, because=because, subject=who.account)
    sessions.end_all(who.account)
