"""Jobs that belong to the house as a whole; each may run twice without harm."""

from datetime import date, timedelta

from django.conf import settings

from citywatch.city.sense import services as sense
from citywatch.city.trace import queries as trace
from citywatch.eventlog import crowds, window
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import export, heads
from citywatch.server import wiring
from citywatch.server.forms import DECODERS

_LAID_BARE = 29  # days: a fortnight of onsets, a fortnight before the first of them, and the night before that
_CLOSED_AFTER = timedelta(days=2)  # late reports for a day mostly come within two
_MANY = 60  # files of a day still open: each costs every page that asks the log a third of a millisecond


def react() -> int:
    """Let reactions catch up, those that failed among them, and the event log too."""
    reacted = wiring.catch_up()
    mended = wiring.retry()
    return reacted + mended + wiring.catch_up() + export.catch_up()


def finish_receipts() -> int:
    """Process messages whose receipt was taken by a process that then died."""
    return sense.finish_unfinished(decoders=DECODERS, at=clock.now())


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
