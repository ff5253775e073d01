"""Small random cities for the crawl: three districts, their people and papers, and who may see what of them.

Every row has a number of its kind's own range, and every free text bears its row's number between two marks, so that
whatever a page says can be read back to the row it came from. Every person has a family name nobody else bears.
"""

import random
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from tests.canary.ground import AT, DISTRICTS, SITES, Base, Told
from tests.canary.oracle import Grant, Row, World
from tests.canary.papers import Papers
from tests.canary.papers_done import journal, own_things, response
from tests.canary.papers_reported import people, reports, warnings
from tests.canary.papers_traced import tracing

from citywatch.mechanisms.jurisdiction.models import Grant as GrantRow
from citywatch.mechanisms.jurisdiction.models import MachineKey, Place, Role

_ROLE_AT = {
    "sentinel_nurse": "site", "lab": "site", "investigator": "district", "press": "city", "city_desk": "district",
    "wall": "any", "lab_reader": "any", "duty_officer": "any", "commander": "any", "system_admin": "any",
    "security_admin": "any", "auditor": "any",
}  # fmt: skip
_APART = ("system_admin", "security_admin", "auditor")
_SEPARATED_TOGETHER = 0.3
_KEY_MAY = ("sense.submit", "sense.view", "receipt.view", "lab.result", "lab.view", "warn.view", "trace.view")


def build(draw: random.Random, base: Base) -> Told:
    """Draw who holds which role where and until when, and the people and papers of all three districts."""
    told = Told(World(AT))
    _give_rights(draw, base, told)
    write_papers(draw, base, told, [*DISTRICTS], order=0)
    return told


def write_papers(draw: random.Random, base: Base, told: Told, districts: Sequence[str], *, order: int) -> None:
    """Write the people of some districts and everything about them; `order` keeps two such sets apart."""
    papers = Papers(draw, base, told, districts, order=order)
    for write in (people, reports, warnings, tracing, response, own_things, journal):
        write(papers)


def _give_rights(draw: random.Random, base: Base, told: Told) -> None:
    roles = {role.code: role for role in Role.objects.all()}
    rows = []
    for account in base.accounts[1:]:
        who = f"account:{account.pk}"
        usual = [*_ROLE_AT, "investigator", "investigator", "duty_officer", "sentinel_nurse", "lab"]
        codes = [draw.choice(usual) for _ in range(draw.choice((1, 1, 2)))]
        if account is base.accounts[1] and draw.random() < _SEPARATED_TOGETHER:
            codes = draw.sample(_APART, 2)  # past the services, which refuse it
        for code in codes:
            place = _place_for(draw, base, _ROLE_AT[code])
            until = draw.choice((None, None, None, AT + timedelta(hours=3), AT, AT - timedelta(hours=1)))
            rows.append(GrantRow(account=account, role=roles[code], place=place, granted_at=AT, until=until))
            told.world.grants.setdefault(who, []).append(Grant(base.roles[code], place.path, until))
    GrantRow.objects.bulk_create(rows)
    for row in rows:
        told.world.rows["grant", row.pk] = Row("grant", row.pk, row.place.path)
    for number in range(4):
        place, may = _place_for(draw, base, "site"), draw.sample(_KEY_MAY, 3)
        token, revoked = f"{draw.getrandbits(128):032x}", AT - timedelta(days=1) if number == 3 else None
        key = MachineKey.objects.create(
            name="HIS", digest=sha256(token.encode()).hexdigest(), place=place, abilities=may, issued_at=AT,
            revoked_at=revoked,
        )  # fmt: skip
        MachineKey.objects.filter(pk=key.pk).update(name=f"x{key.pk}x")
        told.world.rows["machinekey", key.pk] = Row("machinekey", key.pk, place.path, owner=f"key:{key.pk}")
        told.tokens[f"key:{key.pk}"] = token
        told.world.grants[f"key:{key.pk}"] = [Grant(frozenset(may), place.path, revoked)]


def _place_for(draw: random.Random, base: Base, level: str) -> Place:
    district = draw.choice([*DISTRICTS])
    if level == "site":
        return base.places[f"{DISTRICTS[district]}-{draw.choice([*SITES])}"]
    if level == "city" or (level == "any" and draw.random() < 0.4):
        return base.places["110000"]
    return base.places[DISTRICTS[district] if draw.random() < 0.15 else district]
