"""One of two processes that write into the same city at the same time; run by `test_two_writers.py`, not by pytest.

`prepare` migrates and lays the city, `write NAME` works, `tell` prints what became of it.
"""

import json
import sys
import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import django

django.setup()

from django.core.management import call_command
from tests.city.reports import fever, message, result, symptom

from citywatch.city.registry.queries import place_by_code
from citywatch.city.registry.services import NewSite, add_sites, lay_city
from citywatch.city.sense import services as sense
from citywatch.eventlog.expressions import table
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Cursor, Entry
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.server import forms, wiring

NOON = datetime(2020, 6, 11, 4, 0, tzinfo=UTC)
ROUNDS = 6
SITES = (
    NewSite("110106018-H01", "110106018", "institution", "医院", "Hospital", 116.3, 39.8,
            institution_kind="hospital", streams=("fever",), fever_clinic=True),
    NewSite("110106018-C01", "110106018", "institution", "中心", "Centre", 116.3, 39.8,
            institution_kind="chc", streams=("symptom",)),
    NewSite("110106018-L01", "110106018", "institution", "检测所", "Laboratory", 116.3, 39.8,
            institution_kind="lab", streams=("lab",)),
)  # fmt: skip


def prepare():
    call_command("migrate", verbosity=0)
    lay_city("beijing", street_codes={"110106018"})
    add_sites(SITES)


def send(form, code, rows, name, at):
    site = place_by_code(code)
    by = machine("sender", place=site, abilities=["sense.submit", "lab.result"])
    for _ in range(20):
        try:
            forms.submit(
                form, message(*rows), channel="api", site=site, source=code, message_id=name, sent_at=at, by=by, at=at
            )
        except django.db.Error:  # what a sender does when the answer does not come: send the same again
            continue
        return
    raise SystemExit(f"{name} was never taken")


def write(name):
    """Every round: a message both send, a message of our own, a positive of our own, then react and export."""
    first = 100 if name == "one" else 200
    for number in range(ROUNDS):
        at = NOON + timedelta(minutes=number)
        send("symptom-registration", "110106018-C01", [symptom(300 + number), symptom(400)], f"both-{number}", at)
        visits = [fever(first + number, sample_barcode=f"S{first + number}")]
        send("fever-clinic-visit", "110106018-H01", visits, f"visit-{first + number}", at)
        send("lab-result", "110106018-L01", [result(f"S{first + number}", "positive")], f"lab-{first + number}", at)
        # As the web server does: every request in a thread of its own, whose chain others go on with.
        request = threading.Thread(target=lambda: (settle(wiring.catch_up), settle(export.catch_up)))
        request.start()
        request.join()
    settle(wiring.catch_up)
    settle(wiring.retry)


def settle(step):
    try:
        step()
    except django.db.Error:
        django.db.connection.close()


def tell():
    settle(lambda: sense.finish_unfinished(forms.DECODERS, NOON + timedelta(hours=1)))
    wiring.catch_up()
    wiring.retry()
    wiring.catch_up()
    export.catch_up()
    from citywatch.city.lab.models import Sample
    from citywatch.city.sense.models import Hold
    from citywatch.city.trace.models import Case
    from citywatch.city.warn.models import Proposal
    from citywatch.mechanisms.forms.models import Submission
    from citywatch.mechanisms.lifecycle.models import Clock
    from citywatch.mechanisms.receipts.models import Receipt
    from citywatch.mechanisms.vault.models import Person

    pin = export.store().pin()
    entries = export.engine().run(table("entries"), pin)
    counts = export.engine().run(table("counts").filter(table("counts").syndrome == "*"), pin)
    exported = Counter(zip(entries["writer"].tolist(), entries["seq"].tolist(), strict=True))
    sys.stdout.write(
        json.dumps(
            {
                "submissions": dict(Counter(Submission.objects.values_list("form", flat=True))),
                "people": Person.objects.count(),
                "receipts": dict(Counter(Receipt.objects.values_list("state", flat=True))),
                "rows": [[r.rows, r.stored + r.duplicate + r.quarantined] for r in Receipt.objects.all()],
                "holds": Hold.objects.filter(state="isolated").count(),
                "samples": Sample.objects.filter(state="positive").count(),
                "cases": Case.objects.count(),
                "red": Proposal.objects.filter(level="red").count(),
                "positives": sum(len(p.positives) for p in Proposal.objects.all()),
                "source_clocks": Clock.objects.filter(code="source-lock").count(),
                "broken": journal.first_broken(),
                "lost": len(set(Entry.objects.values_list("writer", "seq")) - set(exported)),
                "doubled": sum(times - 1 for times in exported.values()),
                "counted": len(counts["submission"]),
                "chains": Entry.objects.values("writer").distinct().count(),
                "cursors": Cursor.objects.exclude(writer="").count(),
                "failed": list(Entry.objects.filter(kind="journal.reaction_failed").values_list("body", flat=True)),
            }
        )
    )


if __name__ == "__main__":
    {"prepare": prepare, "write": lambda: write(sys.argv[2]), "tell": tell}[sys.argv[1]]()
