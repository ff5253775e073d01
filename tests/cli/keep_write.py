"""A gate that sends one visit after another until it is stopped; run by `manage shell`. Says so after the first."""

import itertools
import json
import time
from datetime import timedelta

from tests.city.reports import id_number

from citywatch.city.sense.visits import take_visits
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine


def main():
    site = Place.objects.get(code="350206001-C01")
    gate = machine("gate", place=site, abilities=["sense.submit"])
    for number in itertools.count():
        at = clock.now()
        stay = {"id_number": id_number(number % 900 + 1), "place_code": site.code}
        stay |= {"time_in": (at - timedelta(hours=1)).isoformat(), "time_out": at.isoformat()}
        take_visits(json.dumps(stay).encode(), site=site, source="gate", message_id=f"g-{number}", by=gate, at=at)
        if number == 0:
            print("sending", flush=True)  # noqa: T201
        time.sleep(0.05)
