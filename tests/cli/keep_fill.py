"""Fills an installation with two patients, visits, a message and a row that waits; run by `manage shell`.

Prints what of the first of them must be nowhere once they are purged.
"""

import json
from datetime import timedelta

from tests.city.reports import id_number, message, symptom

from citywatch.city.sense import services as sense
from citywatch.mechanisms import clock
from citywatch.mechanisms.journal import export
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import machine
from citywatch.mechanisms.vault.models import BlindIndex, Person, SealedIdentity
from citywatch.mechanisms.vault.pseudonyms import PERSON, PURPOSES, codes_for

PHONE = "13987654321"


def main():
    at = clock.now() - timedelta(days=1)
    site = Place.objects.get(code="350206001-C01")
    nurse = machine("his", place=site, abilities=["sense.submit"])
    for number, more in ((1, {"phone": PHONE}), (2, {}), (3, {"temperature": "99"})):
        sense.submit(
            "symptom-registration", message(symptom(number, **more)),
            channel="api", site=site, source="his", message_id=f"m-{number}", sent_at=at, by=nurse, at=at,
        )  # fmt: skip
    came, left = at - timedelta(hours=3), at - timedelta(hours=2)
    stay = {
        "id_number": id_number(1),
        "place_code": site.code,
        "time_in": came.isoformat(),
        "time_out": left.isoformat(),
    }
    sense.visits.take_visits(json.dumps(stay).encode(), site=site, source="gate", message_id="v-1", by=nurse, at=at)
    export.catch_up()
    first = Person.objects.order_by("pk").first()
    hidden = [bytes(first.wrapped_key), *(bytes(one.sealed) for one in SealedIdentity.objects.filter(person=first))]
    hidden += [one.blind.encode() for one in BlindIndex.objects.filter(person=first)]
    hidden.append(codes_for([(PERSON, first.pk)], purpose=PURPOSES["research"])[PERSON, first.pk].encode())
    plain = [PHONE.encode(), id_number(1).encode()]
    told = {"person": first.pk, "hidden": [one.hex() for one in hidden], "plain": [one.hex() for one in plain]}
    print(json.dumps(told))  # noqa: T201
