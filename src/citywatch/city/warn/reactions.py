"""What warning does when something upstream happened."""

from citywatch.city.warn import services
from citywatch.city.warn.rules import COVID
from citywatch.mechanisms.journal.models import Entry


def propose_red(entry: Entry) -> None:
    """A laboratory positive becomes, or joins, a red proposal in the street of the site that took the sample."""
    sample_id = entry.subject_id
    if sample_id is None:
        raise ValueError(f"Entry {entry} says a sample was positive and names none.")
    services.raise_red(hazard=COVID, sample_id=sample_id, street_code=entry.place.street_code, at=entry.at)
