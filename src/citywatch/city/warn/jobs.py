"""Work on a schedule; each may run twice without harm."""

import logging

from citywatch.city.warn import services
from citywatch.mechanisms import clock

_log = logging.getLogger(__name__)


def watch_job() -> str:
    """One detection run now. A failure is recorded for the desk instead of passing in silence."""
    at = clock.now()
    try:
        run = services.watch(at=at)
    except Exception as error:  # noqa: BLE001 - whatever went wrong, the desk must see that nobody watched
        _log.exception("The detection run at %s failed.", at)
        services.note_failure(error, at=at)
        return f"failed: {error}"
    return "nothing new" if run.skipped else f"{run.raised} raised, {run.extended} extended, {run.proposals} proposals"
