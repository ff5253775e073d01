"""Jobs that belong to the house as a whole; each may run twice without harm."""

from datetime import date, datetime, timedelta

from django.conf import settings

from citywatch.city.registry.queries import city_place
from citywatch.city.sense import services as sense
from citywatch.city.trace import queries as trace
from citywatch.eventlog import crowds, expressions, window
from citywatch.interop.tables.counting import BY_CHANNEL as COUNTED
from citywatch.mechanisms import clock
from citywatch.mechanisms.forms import ledger
from citywatch.mechanisms.journal import export, heads
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.server import wiring
from citywatch.server.forms import DECODERS

_LAID_BARE = 29  # days: a fortnight of onsets, a fortnight before the first of them, and the night before that
_CLOSED_AFTER = timedelta(days=2)  # late reports for a day mostly come within two
_LAGS = timedelta(minutes=10)  # how long an entry may take into the log; the job that takes it runs every minute
_MANY = 60  # files of a day still open: each costs every page that asks the log a third of a millisecond


def react() -> int:
    """Let reactions catch up, those that failed among them, and the event log too."""
    reacted = wiring.catch_up()
    mended = wiring.retry()
    return reacted + mended + wiring.catch_up() + export.catch_up()


def finish_receipts() -> int:
    """Process messages whose receipt was taken by a process that then died."""
    return sense.finish_unfinished(decoders=DECODERS, at=clock.now())


def account_for() -> ledger.Account | None:
    """Check that every row that came is accounted for, and say on record where one is not."""
    if not Place.objects.exists():
        return None
    city, at = city_place(), clock.now()
    by = machine("ledger", place=city, abilities=[])
    return ledger.check(COUNTED, by=by, at=at, place=city, missing=missing_from_log(at))


def missing_from_log(at: datetime) -> list[ledger.Difference]:
    """Chains of the journal that are not whole in the log, and those it has not taken up for ten minutes."""
    found = export.engine().run(expressions.entry_chains(expressions.table("entries")), export.store().pin())
    columns = (found[name].tolist() for name in ("writer", "first", "last", "rows", "different"))
    wrong, reached = [], dict[str, int]()
    for writer, first, last, rows, different in zip(*columns, strict=True):
        reached[writer] = last
        due = last - first + 1
        if rows != due or different != due:
            there = different if different != due else rows
            wrong.append(ledger.Difference(0, writer, f"{first}–{last}", "logged", due, there))
    for writer, head in journal.newest().items():
        after = reached.get(writer, 0)
        if after < head and journal.written_before(writer, after + 1, at - _LAGS):
            wrong.append(ledger.Difference(0, writer, f"{after + 1}–{head}", "logged", head - after, 0))
    return wrong


def export_heads() -> str | None:
    """Write the journal's new ends down outside the database, if there are any, in every place named for them."""
    return heads.export(settings.CITYWATCH_HEADS, at=clock.now())


def compact(closed: date | None = None) -> int:
    """Merge the many small segments of days up to `closed` (by default those two days old), and lay visits out.

    A day still open is merged too once it has many: who looks first at news writes them down, a file each time.
    """
    closed = closed or clock.today() - _CLOSED_AFTER
    merged = merge_days(closed)
    lay_out_visits(closed)
    return merged


def keep_status() -> int:
    """Keep everybody's exposure level of the days that changed, so that its page finds them made; tell how many."""
    return sum(day.is_fresh for day in trace.city_status(at=clock.now()).days)


def merge_days(closed: date) -> int:
    """Merge the many small segments of days up to `closed`, and of later ones that have too many."""
    log = export.store()
    merged = 0
    for table in ("counts", "entries"):
        for day, segments in log.days(table).items():
            if segments > (1 if day <= closed else _MANY):
                merged += log.compact(table, day)
    merged += sum(log.close(day) for day in log.days("visits") if day <= closed)
    log.sweep(older_than=timedelta(hours=1))
    return merged


def lay_out_visits(closed: date) -> None:
    """Write down who was where in the days up to `closed`, last as bare columns, which count a source in a second.

    Both are derived and may be deleted at any time (`eventlog.window`): without them the same questions take longer.
    """
    log = export.store()
    log.roll_up(closed)
    if crowds.COMPILED:
        window.refresh(log.root, log.pin(), days=_LAID_BARE)
