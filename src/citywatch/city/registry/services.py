"""Laying out a city, adding sites, making accounts and granting roles."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import models, transaction
from django.db.models import Q

from citywatch.city.registry import reference
from citywatch.city.registry.models import Institution, Organisation, Staff
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Account, Grant, Place, Role, must
from citywatch.mechanisms.jurisdiction.types import SEPARATED, Viewer
from citywatch.mechanisms.signin import sessions

FOUNDED = date(1949, 10, 1)
"""Places of the committed tables count as valid since long before any report."""


@dataclass(frozen=True, slots=True)
class NewSite:
    """A place below a street, with what it reports if it is an institution."""

    code: str
    parent_code: str
    kind: str
    name_zh: str
    name_en: str
    lon: float | None = None
    lat: float | None = None
    institution_kind: str = ""
    streams: tuple[str, ...] = ()
    fever_clinic: bool = False
    emergency: bool = False
    sentinel: bool = False


@dataclass(frozen=True, slots=True)
class SitesImported:
    """What an import of places did: received = stored + changed + same."""

    received: int
    stored: int
    changed: int
    same: int


@transaction.atomic
def lay_city(name: str, *, street_codes: Collection[str] | None = None) -> Place:
    """Import a city's districts and streets from the committed tables (all streets, or only those named)."""
    made: dict[str, Place] = {}
    for row in reference.divisions(name):
        if row.kind == "street" and street_codes is not None and row.code not in street_codes:
            continue
        parent = made.get(row.parent_code)
        made[row.code] = Place.objects.create(
            code=row.code,
            kind=row.kind,
            parent=parent,
            path=f"{parent.path if parent else ''}{row.code}/",
            name_zh=row.name_zh,
            name_en=row.name_en,
            lon=row.lon,
            lat=row.lat,
            population=row.population,
            valid_from=FOUNDED,
        )
    import_roles()
    return next(place for place in made.values() if place.kind == Place.Kind.CITY)


@transaction.atomic
def add_sites(sites: Collection[NewSite], *, valid_from: date = FOUNDED) -> dict[str, Place]:
    """Add places below streets (parents before children) and the institutions among them; returns them by code."""
    known = {place.code: place for place in Place.objects.all()}
    made: dict[str, Place] = {}
    for site in sites:
        parent = known.get(site.parent_code)
        if parent is None:
            raise Refusal(f"Site {site.code} lies in {site.parent_code}, which is not in the registry; add that first.")
        place = Place.objects.create(
            code=site.code,
            kind=site.kind,
            parent=parent,
            path=f"{parent.path}{site.code}/",
            name_zh=site.name_zh,
            name_en=site.name_en,
            lon=site.lon,
            lat=site.lat,
            valid_from=valid_from,
        )
        known[site.code] = made[site.code] = place
        if site.institution_kind:
            Institution.objects.create(
                place=place,
                organisation=Organisation.objects.create(
                    place=place,
                    code=f"org-{site.code}",
                    name_zh=site.name_zh,
                    name_en=site.name_en,
                    valid_from=valid_from,
                ),
                kind=site.institution_kind,
                streams=list(site.streams),
                fever_clinic=site.fever_clinic,
                emergency=site.emergency,
                sentinel=site.sentinel,
                valid_from=valid_from,
            )
    return made


@transaction.atomic
def import_sites(sites: Sequence[NewSite], *, by: Viewer, at: datetime, dry_run: bool = False) -> SitesImported:
    """Bring places below streets in from somebody's list: new ones are added, known ones take the list's words.

    A place never moves by import: reports of many years hang below it. Refuses (nothing is stored) a list that names a
    parent nobody knows, moves a place or changes its kind; `by` needs `registry.grant` at each place's parent.
    """
    known = {place.code: place for place in Place.objects.select_related("parent")}
    listed: dict[str, NewSite] = {}
    fresh, changed, same = [], 0, 0
    for number, site in enumerate(sites, start=1):
        if site.code in listed:
            raise Refusal(f"Place {site.code} stands in the list twice; keep one row.")
        listed[site.code] = site
        parent = known.get(site.parent_code)
        if parent is None and site.parent_code not in listed:
            raise Refusal(
                f"Place {site.code} (number {number}) lies in {site.parent_code}, which neither the registry nor an "
                "earlier row has; add that first."
            )
        if parent is not None:
            must(by, "registry.grant", parent)
        place = known.get(site.code)
        if place is None:
            fresh.append(site)
        elif (place.kind, above := (place.parent.code if place.parent else "")) != (site.kind, site.parent_code):
            raise Refusal(
                f"Place {site.code} is a {place.kind} in {above} here and a {site.kind} in {site.parent_code} in the "
                "list; a place does not move: give the new one a new code."
            )
        elif _rewrite(place, site):
            changed += 1
            journal.record("registry.place_changed", place=place, by=by, at=at, subject=place, code=place.code)
        else:
            same += 1
    for code, place in add_sites(fresh, valid_from=at.date()).items():
        journal.record("registry.place_added", place=place, by=by, at=at, subject=place, code=code)
    if dry_run:
        transaction.set_rollback(True)
    return SitesImported(len(sites), len(fresh), changed, same)


def _rewrite(place: Place, site: NewSite) -> bool:
    """Give a known place the list's names, position and duties; tells whether anything was different."""
    words = {name: getattr(site, name) for name in ("name_zh", "name_en", "lon", "lat")}
    different = [name for name, value in words.items() if value is not None and getattr(place, name) != value]
    for name in different:
        setattr(place, name, words[name])
    if different:
        place.save(update_fields=different)
    institution = Institution.objects.filter(place=place).first()
    if institution is None:
        return bool(different)
    duties = {
        "streams": list(site.streams),
        "fever_clinic": site.fever_clinic,
        "emergency": site.emergency,
        "sentinel": site.sentinel,
    }
    others = [name for name, value in duties.items() if getattr(institution, name) != value]
    for name in others:
        setattr(institution, name, duties[name])
    if others:
        institution.save(update_fields=others)
    return bool(different or others)


def import_roles() -> None:
    """Bring in the roles of the committed table that the installation lacks; edited ones stay as edited."""
    for role in reference.roles():
        Role.objects.get_or_create(
            code=role.code,
            defaults={
                "name_zh": role.name_zh,
                "name_en": role.name_en,
                "abilities": list(role.abilities),
                "second_factor": role.second_factor,
                "idle_minutes": role.idle_minutes,
            },
        )


@transaction.atomic
def make_account(
    *, username: str, password: str, place: Place, title_zh: str, title_en: str, is_admin: bool = False
) -> Account:
    """Make a sign-in for somebody who works at `place`; it may do nothing until a role is granted."""
    account = Account.objects.create_user(username=username, password=password, title_zh=title_zh, title_en=title_en)
    if is_admin:
        account.is_staff = True
        account.save(update_fields=["is_staff"])
    Staff.objects.create(account=account, place=place, position_zh=title_zh, position_en=title_en, valid_from=FOUNDED)
    return account


@transaction.atomic
def grant(
    account: Account,
    *,
    role: str,
    place: Place,
    by: Viewer,
    at: datetime,
    until: datetime | None = None,
    because: str = "",
) -> Grant:
    """Give an account a role over a subtree, journaled; whatever it has open ends, to begin anew with the new right."""
    row = Role.objects.filter(code=role).first()
    if row is None:
        raise Refusal(
            f"There is no role {role!r}; the roles are {', '.join(Role.objects.values_list('code', flat=True))}."
        )
    _refuse_joined(account, row, at=at)
    before = rights_of(account, at=at)
    made = Grant.objects.create(account=account, role=row, place=place, granted_at=at, until=until, because=because)
    journal.record(
        "registry.role_granted", place=place, by=by, at=at, because=because, subject=account, role=role, until=until,
        before=before, after=rights_of(account, at=at),
    )  # fmt: skip
    sessions.end_all(account)
    return made


@transaction.atomic
def withdraw(made: Grant, *, by: Viewer, at: datetime, because: str) -> None:
    """Take a role away, from now on; whatever the account has open ends."""
    before = rights_of(made.account, at=at)
    made.until = at
    made.save(update_fields=["until"])
    journal.record(
        "registry.role_withdrawn", place=made.place, by=by, at=at, because=because, subject=made.account,
        role=made.role.code, before=before, after=rights_of(made.account, at=at),
    )  # fmt: skip
    sessions.end_all(made.account)


def rights_of(account: Account, *, at: datetime) -> list[str]:
    """An account's roles in force, each as role@place."""
    held = grants_in_force(account, at=at).values_list("role__code", "place__code")
    return sorted(f"{role}@{place}" for role, place in held)


def grants_in_force(account: Account, *, at: datetime) -> models.QuerySet[Grant]:
    return Grant.objects.filter(Q(until__isnull=True) | Q(until__gt=at), account=account).select_related(
        "role", "place"
    )


def _refuse_joined(account: Account, role: Role, *, at: datetime) -> None:
    """Making accounts, giving rights and reading the record are never in one hand."""
    held = {ability for one in grants_in_force(account, at=at) for ability in one.role.abilities}
    if len(SEPARATED & (held | set(role.abilities))) > 1:
        raise Refusal(
            f"{account.username} would hold two of the three administrators' tasks (accounts, rights, audit); give the "
            "role to another account, or take the other one away first.",
            zh=f"{account.username}将同时承担系统、安全、审计三类管理员中的两类；请授予其他账户，或先撤销原角色。",
        )
