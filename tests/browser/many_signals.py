"""Put many proposals before the desk of a running demo: `python many_signals.py 300` with the demo's settings.

They are written as a detection run writes them, with a signal each, on the streets the demo has.
"""

import random
import sys
from datetime import timedelta

import django

KINDS = (("fever", "symptom"), ("cough", "pharmacy"), ("vomiting", "symptom"), ("rash", "symptom"))


def main(number: int) -> None:
    from citywatch.city.warn import rules, services
    from citywatch.city.warn.models import Proposal, Signal
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.jurisdiction.models import Place
    from citywatch.mechanisms.lifecycle.services import begin, start_clock

    chance, at = random.Random(1), clock.now()
    streets, day = list(Place.objects.filter(kind="street").order_by("code")), clock.day_of(at)
    for n in range(number):
        hazard, stream = chance.choice(KINDS)
        level = chance.choices(("blue", "yellow", "orange"), (7, 2, 1))[0]
        observed, score = chance.randint(6, 30), chance.uniform(2, 9)
        opened, place = at - timedelta(minutes=chance.randint(1, 300)), chance.choice(streets)
        row = Proposal(
            place=place, level=level, hazard=hazard, streams=[stream], syndromes=[hazard], opened_at=opened,
            first_day=day, last_day=day, score=score, fingerprint=f"many{n:060d}",
        )  # fmt: skip
        begin(row, "warn.proposal_raised", by=services.detector_viewer(), at=at)
        Signal.objects.create(
            place=place, fingerprint=f"many{n:060d}", family="counts", stream=stream, syndrome=hazard, by="reporting",
            detectors=["C2"], first_day=day, last_day=day, observed=observed, expected=observed / 4, upper=observed / 2,
            score=score, raised_at=at, proposal=row,
        )  # fmt: skip
        start_clock(rules.CLOCKS[level], row, at=opened)


if __name__ == "__main__":
    django.setup()
    main(int(sys.argv[1]))
