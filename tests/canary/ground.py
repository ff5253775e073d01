"""What all worlds of the crawl stand on: three districts, their institutions, and numbers that tell their kind."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import connection, models
from tests.canary.oracle import World

from citywatch.city.lab.models import Sample
from citywatch.city.registry.services import NewSite, add_sites, lay_city
from citywatch.city.respond.models import Incident, LevelDecision, Order
from citywatch.city.sense.models import Hold
from citywatch.city.trace.models import Case, Contact, Investigation, Link, RiskPoint
from citywatch.city.warn.models import Alert, DeskView, HealthEvent, Proposal, Signal
from citywatch.mechanisms.forms.models import Submission
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import Account, MachineKey, Opening, Place, Role
from citywatch.mechanisms.jurisdiction.models import Grant as GrantRow
from citywatch.mechanisms.receipts.models import QuarantinedRow, Receipt
from citywatch.mechanisms.vault.models import Export, LegalHold, Person

AT = datetime(2020, 6, 11, 4, 0, tzinfo=UTC)
DISTRICTS = {"110106": "110106018", "110102": "110102009", "110108": "110108011"}
"""Three districts, each with the street where its institutions stand."""
SITES = {"C01": ("chc", ("symptom",)), "H01": ("hospital", ("fever", "card")), "L01": ("lab", ("lab",))}
ACCOUNTS = 10
NUMBERED = (
    Case, Contact, Investigation, RiskPoint, Link, Sample, Submission, Hold, Receipt, QuarantinedRow, Proposal, Signal,
    HealthEvent, Alert, Incident, LevelDecision, Order, Export, Opening, Entry, MachineKey, GrantRow, DeskView,
    LegalHold,
)  # fmt: skip
"""Kind by kind in ranges of their own: twelve digits, of which the first three tell the kind."""
RANGE = 10**9
PEOPLE_FROM = 730_000  # the status of a city is an array as long as the largest of them
NAMES_FROM = 0x3400  # rare characters, on no page but in these names
KINDS = tuple(model._meta.model_name for model in NUMBERED)


def first_of(kind: str) -> int:
    """Where the numbers of a kind begin."""
    return (100 + KINDS.index(kind)) * RANGE


@dataclass
class Base:
    """What all worlds stand on: the places, and accounts without any right yet."""

    places: dict[str, Place]
    accounts: list[Account]
    roles: dict[str, frozenset[str]]


@dataclass
class Told:
    """A world as the oracle reads it, and what only a crawl needs: names, tokens of keys, and what must never show."""

    world: World
    people: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    """Everything that names a person whole, by the words: name, ID number, telephone, address, pseudonym."""
    tokens: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, list[int]] = field(default_factory=dict)


def lay_base() -> Base:
    """Lay the three districts, and let every table count from a number that tells its kind."""
    lay_city("beijing", street_codes={*DISTRICTS.values()})
    sites = []
    for street in DISTRICTS.values():
        for suffix, (kind, streams) in SITES.items():
            code, clinic = f"{street}-{suffix}", kind == "hospital"
            sites.append(
                NewSite(
                    code,
                    street,
                    "institution",
                    f"机构{code}",
                    f"Site {code}",
                    116.34,
                    39.81,
                    institution_kind=kind,
                    streams=streams,
                    fever_clinic=clinic,
                    emergency=clinic,
                )
            )
        sites.append(NewSite(f"{street}-M01", street, "market", f"市场{street}", f"Market {street}", 116.33, 39.80))
    add_sites(sites)
    home = Place.objects.get(kind="city")
    made = [Account(username=f"a{n:02d}", password="!", title_zh=f"账{n}", title_en=f"A{n}") for n in range(ACCOUNTS)]
    accounts = Account.objects.bulk_create(made)
    for model in NUMBERED:
        _count_from(model, first_of(str(model._meta.model_name)))
    _count_from(Person, PEOPLE_FROM)
    codes = {"110000", *DISTRICTS, *DISTRICTS.values(), *(site.code for site in sites)}
    assert home.code in codes
    places = {place.code: place for place in Place.objects.filter(code__in=codes)}
    return Base(places, accounts, {role.code: frozenset(role.abilities) for role in Role.objects.all()})


def _count_from(model: type[models.Model], number: int) -> None:
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, number])
        else:
            cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, number])


def next_numbers(model: type[models.Model], count: int) -> Sequence[int]:
    """The numbers the next rows of a table get, so that their texts can name them before they are written."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            asked = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
            cursor.execute(asked, [table, count])
            return [number for (number,) in cursor.fetchall()]
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        (last,) = cursor.fetchone()
    return range(last + 1, last + 1 + count)
