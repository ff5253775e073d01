"""Jobs that belong to the house as a whole; each may run twice without harm."""

from datetime import date, timedelta

from citywatch.city.sense import services as sense
from citywatch.eventlog import crowds, window
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import export
from citywatch.server import wiring
from citywatch.server.forms import DECODERS

_LAID_BARE = 29  # days: a fortnight of onsets, a fortnight before the first of them, and the night before that
_CLOSED_AFTER = timedelta(days=2)  # late reports for a day mostly come within two


def react() -> int:
    """Let reactions catch up, those that failed among them, and the event log too."""
    reacted = wiring.catch_up()
    mended = wiring.retry()
    return reacted + mended + wiring.catch_up() + export.catch_up()


def finish_receipts() -> int:
    """Process messages whose receipt was taken by a process that then died."""
    return sense.finish_unfinished(decoders=DECODERS, at=clock.now())


def compact(closed: date | None = None) -> int:
    """Merge the many small segments of days up to `closed` (by default those two days old), and lay visits out.

    Last the newest days as bare columns, from which the source of an outbreak is counted in a second; they may be
    deleted at any time (`eventlog.window`).
    """
    log = export.store()
    closed = closed or clock.today() - _CLOSED_AFTER
    merged = 0
    for table in ("counts", "entries"):
        for day, segments in log.days(table).items():
            if day <= closed and segments > 1:
                merged += log.compact(table, day)
    merged += sum(log.close(day) for day in log.days("visits") if day <= closed)
    log.roll_up(closed)
    log.sweep(older_than=timedelta(hours=1))
    if crowds.COMPILED:
        window.refresh(log.root, log.pin(), days=_LAID_BARE)
    return merged
