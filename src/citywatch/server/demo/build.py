"""The demo city's registry and its people: places, institutions, and one account per role."""

import secrets
from dataclasses import dataclass

from citywatch.city.registry import queries as registry
from citywatch.city.registry.services import NewSite, add_sites, grant, lay_city, make_account
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.models import Account, Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.labels import Label
from citywatch.server.demo.story import Setting
from citywatch.simulation.people import City


@dataclass(frozen=True, slots=True)
class DemoRole:
    """One of the people a visitor may sign in as."""

    username: str
    title: Label
    role: str
    at: str  # city, district, nurse, committee or lab


ROLES = (
    DemoRole("duty", Label("市疾控值班员", "City duty officer"), "duty_officer", "city"),
    DemoRole("district", Label("区流调员", "District investigator"), "investigator", "district"),
    DemoRole("nurse", Label("社区哨点护士", "Sentinel nurse"), "sentinel_nurse", "nurse"),
    DemoRole("grid", Label("社区网格员", "Grid worker"), "grid_worker", "committee"),
    DemoRole("lab", Label("核酸检验员", "Laboratory technician"), "lab", "lab"),
    DemoRole("commander", Label("市指挥部指挥长", "Commander"), "commander", "city"),
    DemoRole("press", Label("新闻发布员", "Press officer"), "press", "city"),
)


def lay_out(of: Setting, city: City) -> None:
    """Put the simulated city's places and institutions into the registry and make the accounts."""
    lay_city(of.city, street_codes={street.code for street in city.plan.streets})
    add_sites(
        [
            NewSite(
                code=place.code,
                parent_code=place.parent_code,
                kind=place.kind,
                name_zh=place.name_zh,
                name_en=place.name_en,
                lon=place.lon,
                lat=place.lat,
                institution_kind=place.institution_kind or "",
                streams=place.streams,
                fever_clinic="fever_clinic" in place.flags,
                emergency="ed" in place.flags,
                sentinel="sentinel" in place.flags,
            )
            for place in city.places
        ]
    )
    make_people(district=of.market_district, nurse_street=city.plan.market_street)


def new_passwords() -> dict[str, tuple[DemoRole, str]]:
    """Give each demo account a fresh password; returns them to be printed once."""
    made = {}
    for role in ROLES:
        account = Account.objects.get(username=role.username)
        password = secrets.token_urlsafe(6)
        account.set_password(password)
        account.save(update_fields=["password"])
        made[role.username] = (role, password)
    return made


def make_people(*, district: str, nurse_street: str) -> None:
    """Make the accounts: the investigator of a district, nurse and grid worker of a street, the others of the city."""
    root = registry.city_place()
    system = machine("demo", place=root, abilities=["registry.grant"])
    workplaces = {
        "city": root,
        "district": registry.place_by_code(district),
        "nurse": _nurse_site(nurse_street),
        "committee": _committee(registry.place_by_code(nurse_street)),
        "lab": Place.objects.filter(institution__kind="lab").order_by("code")[0],
    }
    for role in ROLES:
        place = workplaces[role.at]
        account = make_account(
            username=role.username,
            password=secrets.token_urlsafe(12),
            place=place,
            title_zh=role.title.zh,
            title_en=role.title.en,
        )
        grant(account, role=role.role, place=place, by=system, at=clock.now(), because="demo")
        if role.username == "duty":
            grant(account, role="city_desk", place=registry.city_desk(), by=system, at=clock.now(), because="demo")
        if role.role == "lab":
            grant(account, role="lab_reader", place=root, by=system, at=clock.now(), because="demo")


def _committee(street: Place) -> Place:
    """The neighbourhood committee of the story's street, which nobody simulated: only its worker speaks for it."""
    code = f"{street.code}-J01"
    made = add_sites(
        [
            NewSite(
                code,
                street.code,
                "institution",
                f"{street.name_zh}第一社区居委会",
                f"{street.name_en} First Neighbourhood Committee",
                street.lon,
                street.lat,
                institution_kind="committee",
                streams=("visit",),
            )
        ]
    )
    return made[code]


def _nurse_site(street: str) -> Place:
    """The nurse works at the primary institution nearest the story: one in the market's street."""
    sites = [facts for facts in registry.institutions_reporting("symptom") if facts.place.street_code == street]
    first = min(sites, key=lambda facts: (not facts.sentinel, facts.kind != "chc", facts.place.code))
    return Place.objects.get(pk=first.place.id)
