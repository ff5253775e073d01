"""Every list, search and dossier a district works with, on PostgreSQL holding a whole epidemic.

Run: python benchmarks/pages.py [thousands of people: 1000] [looks at each page: 30]

A registry of Beijing's 16 districts, people (20,000 of them with sealed names, whom all cases and contacts are), three
cases for each ten people, ten contacts a case, three thousand investigations, clocks and journal entries, written
straight into the tables; the log is brought up to date and tidied as its jobs do. Then a district's investigator and
the city's duty officer open each page in turn through Django's own request cycle (no network); printed are the 50th and
95th percentile of the time, and questions asked of the database; with QUESTIONS=1 also every question of a page's last
look with its milliseconds. Asked: 1 s at the 95th percentile (reach 300 ms), 15 questions. Without PostgreSQL nothing
is measured.
"""

# ruff: noqa: PLC0415 - Django's modules are imported once it is set up

import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "scripts"), str(HERE.parent)]

from private_postgres import binaries, cluster  # noqa: E402 - found by the line above

NAMED = 20_000
INVESTIGATIONS = 3_000
CONTACTS = 10  # a case
ASKED = {"p95": 1.0, "questions": 15}
FILL = """
INSERT INTO vault_person (pseudonym, enrolled_at, generation)
  SELECT 'filled' || i, now(), 1 FROM generate_series(1, {people} - {named}) i;
INSERT INTO vault_knownat (relation, place_id, person_id)
  SELECT 'case', (ARRAY[{districts}])[1 + p.id % {n}], p.id FROM vault_person p WHERE p.pseudonym LIKE 'filled%';
INSERT INTO trace_investigation
    (state, hazard, title_zh, title_en, opened_at, look_back_days, place_id)
  SELECT CASE WHEN i % 10 = 0 THEN 'open' ELSE 'closed' END, 'covid-19', '疫情' || i, 'Outbreak ' || i,
         timestamptz '2020-06-11 04:00+00' - i * interval '1 hour', 14, (ARRAY[{districts}])[1 + i % {n}]
  FROM generate_series(1, {investigations}) i;
INSERT INTO trace_case
    (state, hazard, label, sample_barcode, sex, age, occupation, onset_date, reported_at, classification, outcome, note,
     person_id, place_id, investigation_id)
  SELECT CASE WHEN i % 20 = 0 THEN '{first}' ELSE '{last}' END, 'covid-19', '', '',
         CASE WHEN i % 2 = 0 THEN 'F' ELSE 'M' END, i % 90, '',
         date '2020-06-11' - i % 120, timestamptz '2020-06-11 04:00+00' - (i % 2900) * interval '1 hour',
         'confirmed', '', '', people.ids[1 + i % {named}], (ARRAY[{districts}])[1 + (1 + i % {investigations}) % {n}],
         opened.ids[1 + i % {investigations}]
  FROM generate_series(1, {cases}) i,
       (SELECT ARRAY(SELECT id FROM vault_person ORDER BY id LIMIT {named}) ids) people,
       (SELECT ARRAY(SELECT id FROM trace_investigation ORDER BY id) ids) opened;
INSERT INTO trace_contact
    (state, told, kind, ground, first_at, last_at, judged_at, case_id, person_id, place_id, by_hand)
  SELECT CASE WHEN j = 1 AND c.id % 20 = 0 THEN 'listed' ELSE 'released' END, 'close', 'close', 'household',
         c.reported_at - interval '2 days', c.reported_at - interval '1 day', c.reported_at, c.id,
         people.ids[1 + (c.id * 7 + j * 977) % {named}], c.place_id, false
  FROM trace_case c CROSS JOIN generate_series(1, {contacts}) j,
       (SELECT ARRAY(SELECT id FROM vault_person ORDER BY id LIMIT {named}) ids) people;
INSERT INTO lifecycle_clock (code, subject_kind, subject_id, started_at, due_at, stopped_at, place_id)
  SELECT 'source-lock', 'trace.case', id, reported_at, reported_at + interval '16 hours',
         CASE WHEN id % 20 = 0 THEN NULL ELSE reported_at + interval '9 hours' END, place_id
  FROM trace_case WHERE id % 10 = 0;
INSERT INTO lifecycle_clock (code, subject_kind, subject_id, started_at, due_at, stopped_at, place_id)
  SELECT 'contact-transfer', 'trace.contact', id, judged_at, judged_at + interval '12 hours',
         CASE WHEN state = 'listed' THEN NULL ELSE judged_at + interval '5 hours' END, place_id
  FROM trace_contact WHERE id % 3 = 0 OR state = 'listed';
INSERT INTO journal_entry
    (writer, seq, kind, at, actor, because, subject_kind, subject_id, body, previous, digest, place_id)
  SELECT 'bench', row_number() OVER (), 'trace.case_registered', reported_at, 'machine:bench', '', 'trace.case', id,
         jsonb_build_object('investigation', investigation_id), '', 'bench' || id, place_id FROM trace_case;
"""
PAGES = {
    "district": {
        "investigations": "/trace/",
        "an investigation of 100 cases": "/trace/investigations/{investigation}/",
        "a case": "/trace/cases/{case}/",
        "contacts to be moved": "/trace/contacts/",
        "contacts, a page far down": "/trace/contacts/?page=40",
        "contacts already released": "/trace/contacts/?state=released",
        "risk points": "/trace/risk-points/",
        "duty desk": "/warn/",
        "signed orders": "/respond/orders/",
        "quality of reporting": "/sense/coverage/",
        "a case by its number": "/find/?q=C{case}",
    },
    "duty": {
        "investigations of the city": "/trace/",
        "contacts of the city": "/trace/contacts/",
        "duty desk of the city": "/warn/",
        "command wall": "/command/",
        "situation": "/situation/",
        "incidents": "/respond/",
        "words of a title": "/find/?q=Outbreak 29",
        "a barcode": "/find/?q=BJ20-000777",
    },
}


def main() -> int:
    """Fill, look, print."""
    if binaries() is None:
        print("pages: PostgreSQL's programs were not found (apt install postgresql); nothing measured")
        return 0
    people = int(sys.argv[1] if len(sys.argv) > 1 else 1000) * 1000
    looks = int(sys.argv[2] if len(sys.argv) > 2 else 30)
    with tempfile.TemporaryDirectory(prefix="citywatch-pages-") as home, cluster(shared_buffers="1GB") as url:
        os.environ |= {"DATABASE_URL": url, "CITYWATCH_HOME": home, "CITYWATCH_MODE": "demo"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "citywatch.server.settings"
        import django

        django.setup()
        began = time.perf_counter()
        accounts = fill(people)
        from django.db import connections

        print(f"filled in {time.perf_counter() - began:.0f} s; load {os.getloadavg()[0]:.1f}", flush=True)
        try:
            look(accounts, looks)
        finally:
            connections.close_all()  # the cluster waits for whoever is still connected
    return 0


def fill(people: int) -> dict[str, object]:
    """Lay the city, enrol those with names, write the rest as SQL; gives the accounts that look."""
    from django.core.management import call_command
    from django.db import connection
    from tests.city.reports import id_number

    from citywatch.city.registry.queries import city_place, districts
    from citywatch.city.registry.services import grant, lay_city, make_account
    from citywatch.city.trace.lifecycles import CASE
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.journal import export
    from citywatch.mechanisms.jurisdiction.services import machine
    from citywatch.mechanisms.vault.services import enrol_many
    from citywatch.mechanisms.vault.types import Identity
    from citywatch.server import jobs

    call_command("migrate", verbosity=0)
    lay_city("beijing", street_codes={"110106018", "110102009"})
    places, now = districts(), clock.now()
    for first in range(0, NAMED, 2000):
        part = [
            Identity(name=f"林{chr(0x4E00 + n % 3000)}{chr(0x4E00 + n // 3000)}", id_number=id_number(n))
            for n in range(first, first + 2000)
        ]
        enrol_many(part, known_at=[(places[first // 2000 % len(places)], "case"), (city_place(), "case")], at=now)
    numbers = {
        "people": people, "named": NAMED, "investigations": INVESTIGATIONS, "cases": people * 3 // 10,
        "contacts": CONTACTS,
        "districts": ",".join(str(one.pk) for one in places), "n": len(places),
        "first": CASE.start, "last": min(CASE.done),
    }  # fmt: skip
    with connection.cursor() as cursor:
        # An investigation's cases are its district's: the numbers of `trace_investigation` begin at 1.
        for statement in FILL.format(**numbers).split(";\n"):
            if statement.strip():
                cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE")
    export.catch_up()  # the jobs of every minute and every hour
    jobs.compact()
    system = machine("set-up", place=city_place(), abilities=["registry.grant"])
    accounts = {}
    for name, role, place in (("district", "investigator", places[5]), ("duty", "duty_officer", city_place())):
        accounts[name] = make_account(username=name, password="x", place=place, title_zh=name, title_en=name)
        grant(accounts[name], role=role, place=place, by=system, at=now)
    return accounts


def look(accounts: dict[str, object], looks: int) -> None:
    """Open every page in turn, some dozens of times each."""
    from django.db import connection
    from django.test import Client

    from citywatch.city.trace.models import Case, Investigation
    from citywatch.mechanisms.jurisdiction.models import Grant

    chance = random.Random(1)
    print(f"{'page':<34}{'median ms':>10}{'p95 ms':>9}{'questions':>11}{'kB':>7}")
    for who, pages in PAGES.items():
        client = Client(headers={"accept-language": "zh"})
        client.force_login(accounts[who])
        own = Grant.objects.get(account=accounts[who]).place
        numbers = {
            "case": list(Case.objects.filter(place__path__startswith=own.path).values_list("pk", flat=True)[:5000]),
            "investigation": list(
                Investigation.objects.filter(place__path__startswith=own.path).values_list("pk", flat=True)
            ),
        }
        for name, address in pages.items():
            took, asked, size, status = [], 0, 0, 0
            for n in range(looks + 2):
                url = address.format(**{key: chance.choice(value) for key, value in numbers.items()})
                questions: list[tuple[float, str]] = []
                with connection.execute_wrapper(_noting(questions)):
                    began = time.perf_counter()
                    answer = client.get(url)
                    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
                    if n > 1:  # two looks warm what a server that runs has warm
                        took.append(time.perf_counter() - began)
                        asked = max(asked, len(questions))
                size, status = len(body), answer.status_code
                if sum(took) > 60:
                    break
            took.sort()
            p95 = took[min(len(took) - 1, int(0.95 * len(took)))]
            slow = p95 > ASKED["p95"] or asked > ASKED["questions"]
            mark = " <" if slow else ""
            said = "" if status == 200 else f"  answered {status}"
            middle = took[len(took) // 2]
            print(
                f"{name:<34}{middle * 1000:>10.0f}{p95 * 1000:>9.0f}{asked:>11}{size / 1000:>7.0f}{mark}{said}",
                flush=True,
            )
            if os.environ.get("QUESTIONS"):
                _tell(questions)


def _noting(questions: list[tuple[float, str]]):
    def note(execute, sql, parameters, many, context):
        began = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            questions.append((time.perf_counter() - began, sql))

    return note


def _tell(questions: list[tuple[float, str]]) -> None:
    for took, sql in questions:
        tables = " ".join(dict.fromkeys(re.findall(r'(?:FROM|JOIN|UPDATE|INTO) "(\w+)"', sql)))
        print(f"    {took * 1000:>7.1f} ms  {sql[:60].split(' FROM ')[0]:<60} {tables}")


if __name__ == "__main__":
    sys.exit(main())
