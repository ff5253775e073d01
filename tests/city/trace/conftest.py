"""A small world for tracing: a verified event, cases with stays and visits, and a log to compare them with."""

from datetime import date, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from tests.conftest import NOON

from citywatch.mechanisms.clock import SHANGHAI

ONSET = date(2020, 6, 8)


def moment(day, hour=9):
    """An hour of a day in June 2020 (day 0 is 31 May), on the city's clock."""
    return datetime(2020, 6, 1, hour, tzinfo=SHANGHAI) + timedelta(days=day - 1)


@pytest.fixture(autouse=True)
def _in_english():
    """Sentences are compared in English; pages choose their own language."""
    from django.utils.translation import override

    with override("en"):
        yield


@pytest.fixture
def places(city):
    """Every place by code, with a supermarket everybody visits and a workplace."""
    from citywatch.city.registry.services import NewSite, add_sites
    from citywatch.mechanisms.jurisdiction.models import Place

    add_sites(
        [
            NewSite("110106018-R01", "110106018", "restaurant", "万家超市", "Everyone's Supermarket", 116.3, 39.8),
            NewSite("110106024-W01", "110106024", "workplace", "某公司", "A Company", 116.3, 39.8),
        ]
    )
    return {place.code: place for place in Place.objects.all()}


@pytest.fixture
def person(city):
    """Make a person known at the hospital."""
    from citywatch.mechanisms.jurisdiction.models import Place
    from citywatch.mechanisms.vault.services import enrol
    from citywatch.mechanisms.vault.types import Identity

    def make(name, place="110106018-H01"):
        return enrol(
            Identity(name=name, phone=f"199{abs(hash(name)) % 10**8:08d}"),
            place=Place.objects.get(code=place),
            relation="treating",
            at=NOON,
        )

    return make


@pytest.fixture
def event(city, monkeypatch):
    """A verified event at the market street, as warn tells of it."""
    from citywatch.city.warn import queries as warn
    from citywatch.mechanisms.errors import NotFound
    from citywatch.mechanisms.jurisdiction.models import Place
    from citywatch.mechanisms.labels import Label

    street = Place.objects.get(code="110106018")

    def facts(event_id):
        if event_id != 7:
            raise NotFound("no such event")
        return SimpleNamespace(
            id=7,
            place_id=street.pk,
            hazard="covid-19",
            title=Label("花乡新冠阳性", "Positive in Huaxiang"),
            verified_at=NOON,
        )

    monkeypatch.setattr(warn, "event_facts", facts)
    return 7


@pytest.fixture
def tracer(city):
    """The machine that registers cases."""
    from citywatch.mechanisms.jurisdiction.services import machine

    return machine("trace", place=city, abilities=["trace.investigate", "trace.view"])


@pytest.fixture
def case(places, person, tracer):
    """Register a positive of Fengtai (or another district)."""
    from citywatch.city.trace import services

    def make(name, *, onset=ONSET, district="110106", at=NOON, barcode="", **more):
        return services.add_case(
            investigation_id=None,
            hazard="covid-19",
            place=places[district],
            person=person(name),
            sample_barcode=barcode or f"B-{name}",
            classification="confirmed" if onset else "asymptomatic",
            onset_date=onset,
            sampled_on=date(2020, 6, 10),
            by=tracer,
            at=at,
            **more,
        )

    return make


@pytest.fixture
def captured():
    """Write visits to the log: (person number, place, start, hours)."""
    from citywatch.city.trace.whereabouts import minute
    from citywatch.mechanisms.journal.export import store

    batches = iter(range(1000))

    def write(rows):
        began = [minute(start) for _, _, start, _ in rows]
        columns = {
            "person": np.array([person for person, *_ in rows], dtype=np.int32),
            "place": np.array([place.pk for _, place, _, _ in rows], dtype=np.int32),
            "minute_in": np.array(began, dtype=np.int32),
            "minute_out": np.array(
                [start + int(60 * row[3]) for start, row in zip(began, rows, strict=True)], dtype=np.int32
            ),
            "source": ["scan"] * len(rows),
        }
        store().append("visits", columns, day=date(2020, 6, 1), batch_id=f"t{next(batches)}")

    return write
