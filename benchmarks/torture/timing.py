"""Does the time of an answer tell a hidden row from one that is not there?

Run: python benchmarks/torture/timing.py [pairs] [sqlite|postgresql]

Thousands of cases and contacts of one district; an investigator of another asks for a hidden one and for one that never
was, in random order, each address and operation so many times; and looks a person up by an ID number that another
district knows, and by nobody's. Printed is the area under the ROC curve of the best cut in time, with the chance of as
much by luck (Mann and Whitney 1947): 0.5 tells nothing, 1.0 everything. Asked: at most 0.52 (reliability brief, G19).
The answers themselves must be equal, byte for byte. Through Django's whole request cycle, no network.
"""

import logging
import os
import random
import re
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT), str(ROOT / "scripts")]

from private_postgres import cluster  # noqa: E402 - found by the line above

ASKED = 0.52
ROWS = 3_000
NEVER = 10_000_000
_WARM = 60
_VARIES = re.compile(rb'"\w{64}"|nonce="[^"]+"|K?\d{1,8}(?=["<&/\xe2])')
"""Tokens, and the number that was asked for, where a page says it back."""


def main() -> int:
    given = sys.argv[1:]
    pairs, database = (given + ["2000", "sqlite"][len(given) :])[:2]
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    if database != "postgresql":
        os.environ["DATABASE_URL"] = ""
        return _run(int(pairs), database)
    with cluster() as url:
        os.environ["DATABASE_URL"] = url
        try:
            return _run(int(pairs), database)
        finally:
            from django.db import connections  # noqa: PLC0415

            connections.close_all()


def _run(pairs: int, database: str) -> int:
    import django  # noqa: PLC0415 - the environment had to be set first

    django.setup()
    logging.getLogger("django.request").setLevel(logging.CRITICAL)  # refusals are asked for here
    from django.core.management import call_command  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    client, hidden, known, nobody = _city()
    draw, worst = random.Random(1), 0.5
    for name, ask in _asked(client, hidden, known, nobody).items():
        times: dict[bool, list[float]] = {True: [], False: []}
        answers: dict[bool, set[tuple[int, bytes]]] = {True: set(), False: set()}
        for turn in range(pairs + _WARM):
            for there in draw.sample((True, False), 2):
                began = time.perf_counter()
                answer = ask(there, draw)
                took = time.perf_counter() - began
                if turn >= _WARM:
                    times[there].append(took)
                    answers[there].add((answer.status_code, _VARIES.sub(b"", answer.content)))
        area, luck = _told_apart(times[True], times[False])
        worst = max(worst, area)
        same = "equal answers" if answers[True] == answers[False] else "DIFFERENT ANSWERS"
        print(
            f"{database} {name}: AUC {area:.3f} (p {luck:.2g}), medians {np.median(times[True]) * 1000:.2f} and "
            f"{np.median(times[False]) * 1000:.2f} ms, {pairs} pairs, {same}", flush=True,
        )  # fmt: skip
        if answers[True] != answers[False]:
            print(_first_difference(answers[True] ^ answers[False]))
        worst = 1.0 if answers[True] != answers[False] else worst
    print(f"{database}: the best cut tells with AUC {worst:.3f} (asked at most {ASKED})")
    return int(worst > ASKED)


def _first_difference(answers: set[tuple[int, bytes]]) -> str:
    (one_status, one), (other_status, other) = [*answers, *answers][:2]
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return f"  {one_status} {one[at - 60 : at + 60]!r}\n  {other_status} {other[at - 60 : at + 60]!r}"


def _told_apart(hidden: list[float], absent: list[float]) -> tuple[float, float]:
    from scipy.stats import mannwhitneyu  # noqa: PLC0415

    found = mannwhitneyu(hidden, absent)
    area = float(found.statistic) / (len(hidden) * len(absent))
    return max(area, 1 - area), float(found.pvalue)


def _city():
    """A small city; who asks, the numbers of another district's cases, and ID numbers it knows and nobody's."""
    from django.test import Client  # noqa: PLC0415
    from tests.city.reports import id_number  # noqa: PLC0415

    from citywatch.city.registry.queries import city_place  # noqa: PLC0415
    from citywatch.city.registry.services import grant, lay_city, make_account  # noqa: PLC0415
    from citywatch.city.trace.models import Case, Contact  # noqa: PLC0415
    from citywatch.mechanisms import clock  # noqa: PLC0415
    from citywatch.mechanisms.jurisdiction.models import Place  # noqa: PLC0415
    from citywatch.mechanisms.jurisdiction.services import machine  # noqa: PLC0415
    from citywatch.mechanisms.vault.services import enrol_many  # noqa: PLC0415
    from citywatch.mechanisms.vault.types import Identity  # noqa: PLC0415

    moment = clock.now()
    clock.now = lambda: moment  # pages show it
    lay_city("beijing", street_codes={"110106018", "110102009"})
    at, theirs, mine = clock.now(), Place.objects.get(code="110106"), Place.objects.get(code="110102")
    ids = [id_number(n % 900 + 1, born=f"{1930 + n // 900}0101") for n in range(2 * ROWS)]
    people = enrol_many(
        [Identity(name=f"张{n}", id_number=ids[n]) for n in range(ROWS)], known_at=[(theirs, "responsible")], at=at
    )
    cases = Case.objects.bulk_create(
        Case(place=theirs, hazard="covid-19", person=one, reported_at=at, classification="confirmed") for one in people
    )
    Contact.objects.bulk_create(
        Contact(
            place=theirs, case=case, person=people[n - 1], kind="close", ground="judgement", judged_at=at, first_at=at,
            last_at=at,
        )
        for n, case in enumerate(cases)
    )  # fmt: skip
    account = make_account(username="asker", password="x", place=mine, title_zh="甲", title_en="A")
    setting_up = machine("set-up", place=city_place(), abilities=["registry.grant"])
    grant(account, role="investigator", place=mine, by=setting_up, at=at)
    client = Client()
    client.force_login(account)
    return client, [one.pk for one in cases], ids[:ROWS], ids[ROWS:]


def _asked(client, hidden: list[int], known: list[str], nobody: list[str]):
    def number(there: bool, draw: random.Random) -> int:  # noqa: FBT001
        return draw.choice(hidden) if there else draw.randrange(NEVER, 2 * NEVER)

    def get(path: str):
        return lambda there, draw: client.get(path.format(n=number(there, draw)))

    def move(there, draw):
        return client.post("/trace/contacts/move/", {"contact": number(there, draw), "move": "notify"})

    def person(there, draw):
        sought = draw.choice(known if there else nobody)
        return client.post("/find/person/", {"person": sought, "purpose": "核对"})

    return {
        "a case": get("/trace/cases/{n}/"),
        "a case, by the API": get("/api/trace/cases/{n}"),
        "a case's interview": get("/trace/cases/{n}/interview/"),
        "a box that finds": get("/find/?q=K{n}"),
        "a contact moved": move,
        "a person by ID number": person,
    }


if __name__ == "__main__":
    sys.exit(main())
