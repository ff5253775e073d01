"""What the torture does inside an installation: lay a city, work as exporter or compactor, tell what is there.

Run by `kill.py` and `power.py` in processes of their own.
"""

import json
import os
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import django

django.setup()

from django.conf import settings  # noqa: E402 - Django must be set up first
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from tests.city.reports import id_number, message, symptom  # noqa: E402

from citywatch.city.registry.queries import city_place  # noqa: E402
from citywatch.city.registry.services import NewSite, add_sites, grant, lay_city, make_account  # noqa: E402
from citywatch.city.sense import services as sense  # noqa: E402
from citywatch.city.sense.visits import take_visits  # noqa: E402
from citywatch.eventlog.expressions import table  # noqa: E402
from citywatch.mechanisms import clock  # noqa: E402
from citywatch.mechanisms.forms.models import Submission  # noqa: E402
from citywatch.mechanisms.journal import export  # noqa: E402
from citywatch.mechanisms.journal import services as journal  # noqa: E402
from citywatch.mechanisms.journal.models import Entry  # noqa: E402
from citywatch.mechanisms.jurisdiction.models import Place, Role  # noqa: E402
from citywatch.mechanisms.jurisdiction.services import issue_key, machine  # noqa: E402
from citywatch.mechanisms.receipts.models import Receipt  # noqa: E402
from citywatch.server import forms, jobs, public, wiring  # noqa: E402

SITES = (
    NewSite(
        "110106018-C01",
        "110106018",
        "institution",
        "花乡中心",
        "Huaxiang",
        institution_kind="chc",
        streams=("symptom",),
    ),
    NewSite("110106024-S01", "110106024", "institution", "新村站", "Xincun", institution_kind="chs"),
    NewSite("110102009-K01", "110102009", "institution", "同仁诊所", "Tongren", institution_kind="clinic"),
    NewSite("110106018-H01", "110106018", "institution", "丰台医院", "Fengtai Hospital", institution_kind="hospital"),
    NewSite("110106018-L01", "110106018", "institution", "丰台检测所", "Laboratory", institution_kind="lab"),
    NewSite("110106018-M01", "110106018", "market", "新发地批发市场", "Market"),
    NewSite("110106018-M01-1", "110106018-M01", "hall", "1号厅", "Hall 1"),
)


MANY = 400
DECISION = "torture.decided"


def prepare() -> None:
    """Lay a small city; print a key of each institution."""
    call_command("migrate", verbosity=0)
    lay_city("beijing", street_codes={"110106018", "110106024", "110102009"})
    add_sites(SITES)
    print(json.dumps({one.code: _key(one.code) for one in SITES[:3]}))


def _key(code: str) -> str:
    place = Place.objects.get(code=code)
    return issue_key(name="HIS", place=place, abilities=["sense.submit"], at=clock.now())


def many() -> None:
    """Add many institutions; print a key of each."""
    names = [f"110106018-C{number}" for number in range(100, 100 + MANY)]
    add_sites([NewSite(one, "110106018", "institution", one, one, institution_kind="chc") for one in names])
    print(json.dumps({one: _key(one) for one in names}))


def nurse() -> None:
    """Make a nurse who is signed in (without a second factor) and publish the public pages; print her session."""
    place = Place.objects.get(code=SITES[0].code)
    setting_up = machine("set-up", place=city_place(), abilities=["registry.grant", "report.press"])
    account = make_account(username="nurse", password="x", place=place, title_zh="护士", title_en="Nurse")
    grant(account, role="sentinel_nurse", place=place, by=setting_up, at=clock.now())
    Role.objects.update(second_factor=False)
    client = Client()
    client.force_login(account)
    public.release(by=setting_up)
    print(client.cookies[settings.SESSION_COOKIE_NAME].value)


def exporter() -> None:
    """Bring the journal into the log, for ever."""
    while True:
        export.catch_up()
        time.sleep(0.05)


def compactor() -> None:
    """Merge and lay out every day of the log, for ever."""
    while True:
        jobs.compact(clock.today() + timedelta(days=1))
        time.sleep(0.05)


def tell(asked: str) -> None:
    """Settle what is left, then compare the database and the log with what was sent and acknowledged."""
    told = json.loads(Path(asked).read_text())
    print(json.dumps(compared(told["acknowledged"], told["in_flight"])))


def work(messages: str) -> None:
    """Take reports and visits, react, export and compact; each acknowledgement goes into the file `marks`."""
    marks = os.open(settings.HOME / "marks", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for number in range(int(messages)):
        place = Place.objects.get(code=SITES[number % 3].code)
        by = machine("work", place=place, abilities=["sense.submit"])
        name, at = f"m-{number}", clock.now()
        where = {"site": place, "source": f"api:{place.code}", "message_id": name, "by": by, "at": at}
        if number % 4 == 3:
            stay = {"id_number": _id(number, 7), "place_code": place.code}
            stays = [stay | {"time_in": f"2020-06-0{day}T08:00", "time_out": f"2020-06-0{day}T08:30"} for day in (8, 9)]
            take_visits("\n".join(map(json.dumps, stays)).encode(), **where)
            rows = len(stays)
        else:
            rows = number % 3 + 1
            sent = [symptom(1, name=f"张甲{number}", id_number=_id(number, row), phone="") for row in range(rows)]
            forms.submit("symptom-registration", message(*sent), channel="api", sent_at=at, **where)
        os.write(marks, (json.dumps([f"api:{place.code} {name}", rows]) + "\n").encode())
        # A decision at a desk is one transaction: no receipt stands behind it from which it could be made again.
        journal.record(DECISION, place=place, by=by, at=at, because=name)
        os.write(marks, (json.dumps([f"{DECISION} {name}", 1]) + "\n").encode())
        if number % 3 == 2:
            wiring.catch_up()
            export.catch_up()
        if number % 10 == 9:
            jobs.compact(clock.today() + timedelta(days=1))
    print("done")


def _id(number: int, row: int) -> str:
    return id_number(row + 1, born=f"{1930 + number % 70}0{1 + number // 70 % 9}11")


def check() -> None:
    """Start on one restored folder after the other, as asked on standard input, and compare."""
    for line in sys.stdin:
        asked = json.loads(line)
        home = Path(asked["home"])
        connection.close()
        connection.settings_dict["NAME"] = str(home / "citywatch.sqlite3")
        settings.CITYWATCH_LOG = home / "log"
        try:
            told = compared(asked["acknowledged"], asked["in_flight"])
            with connection.cursor() as cursor:
                told["damaged"] = int(cursor.execute("PRAGMA integrity_check").fetchone()[0] != "ok")
        except Exception as error:  # noqa: BLE001 - whatever it is, the system did not come back by itself
            told = {"does_not_start": f"{type(error).__name__}: {error}"[:500]}
        connection.close()
        print(json.dumps(told), flush=True)


def compared(acknowledged: dict[str, int], in_flight: list[str]) -> dict[str, object]:
    """Messages by `source id` with their rows, all distinct and sound, so that each is stored exactly once."""
    sense.finish_unfinished(forms.DECODERS, clock.now() + timedelta(hours=1))
    wiring.catch_up()
    wiring.retry()
    export.catch_up()
    receipts = {f"{r.source} {r.message_id}": r for r in Receipt.objects.defer("sealed")}
    rows = Counter(Submission.objects.values_list("receipt", flat=True))
    pin = export.store().pin()
    scanned = export.engine().run(table("visits"), pin)
    visits = Counter(scanned["source"].tolist())
    stays = Counter(zip(scanned["person"].tolist(), scanned["minute_in"].tolist(), strict=True))
    entries = export.engine().run(table("entries"), pin)
    logged = Counter(zip(entries["writer"].tolist(), entries["seq"].tolist(), strict=True))
    counts = export.engine().run(table("counts").filter(table("counts").syndrome == "*"), pin)
    counted = Counter(counts["submission"].tolist())

    decided = set(Entry.objects.filter(kind=DECISION).values_list("because", flat=True))

    def held(key: str) -> int:
        if key.startswith(DECISION):
            return int(key.removeprefix(f"{DECISION} ") in decided)
        one = receipts.get(key)
        if one is None or one.state != "processed":
            return 0
        return one.stored if one.form == "visits" else rows[one.pk]

    fed: Counter[str] = Counter()
    for key in acknowledged:
        if key in receipts and receipts[key].form == "visits":
            fed[receipts[key].source] += receipts[key].stored
    unknown = [key for key in receipts if key not in acknowledged and key not in in_flight]
    extra = {key for key in receipts if key in in_flight and receipts[key].form == "visits"}
    for key in extra:
        fed[receipts[key].source] += held(key)
    return {
        "messages": len(acknowledged),
        "rows": sum(acknowledged.values()),
        "lost": sum(max(0, of - held(key)) for key, of in acknowledged.items()),
        "doubled": sum(max(0, held(key) - of) for key, of in acknowledged.items())
        + sum(times - 1 for times in counted.values()),
        "unknown": len(unknown),
        "unfinished": sum(one.state == "received" for one in receipts.values()),
        "unaccounted": sum(one.rows != one.stored + one.duplicate + one.quarantined for one in receipts.values()),
        "visits": sum(visits.values()),
        "visits_lost": sum((fed - visits).values()),
        "visits_doubled": sum((visits - fed).values()) + sum(times - 1 for times in stays.values()),
        "entries": sum(logged.values()),
        "entries_not_in_log": len(set(Entry.objects.values_list("writer", "seq")) - set(logged)),
        "entries_twice_in_log": sum(times - 1 for times in logged.values()),
        "counted_not_stored": len(set(counted) - set(Submission.objects.values_list("pk", flat=True))),
        "broken": journal.first_broken(),
        "failed_reactions": Entry.objects.filter(kind="journal.reaction_failed").count(),
    }


if __name__ == "__main__":
    {
        "prepare": prepare,
        "many": many,
        "nurse": nurse,
        "exporter": exporter,
        "compactor": compactor,
        "tell": tell,
        "work": work,
        "check": check,
    }[sys.argv[1]](*sys.argv[2:])
