"""Work on a schedule; each may run twice without harm."""

from citywatch.city.registry.queries import city_place
from citywatch.city.sense import silence
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine


def notice_silence() -> int:
    """Say on record which sources fell silent or only repeat themselves; gives how many there are."""
    if not Place.objects.exists():
        return 0
    by = machine("silence", place=city_place(), abilities=["sense.view"])
    return silence.notice(by=by, at=clock.now())
