"""The whole city's detection from the event log to stored signals: the nightly run and the 15-minute one.

A log of Beijing's size is written to a temporary directory: 10,844 sites with eight symptoms by day (and drugs, fever
clinics, homes), 331 streets, 16 districts with 42 notifiable diseases over seven years. Then real runs, timed by stage.

Run: python benchmarks/nightly.py [sites] [years] [days]
"""

import os
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import django
import numpy as np

HOME = tempfile.TemporaryDirectory(prefix="citywatch-nightly-")
os.environ |= {"CITYWATCH_MODE": "test", "CITYWATCH_HOME": HOME.name, "DATABASE_URL": ""}
os.environ["DJANGO_SETTINGS_MODULE"] = "citywatch.server.settings"
django.setup()

from django.core.management import call_command  # noqa: E402 - Django's parts can be named once it is set up

from citywatch.city.registry import reference  # noqa: E402
from citywatch.city.registry.queries import streets  # noqa: E402
from citywatch.city.registry.services import lay_city  # noqa: E402
from citywatch.city.warn.models import Proposal, Signal  # noqa: E402
from citywatch.city.warn.services import watch  # noqa: E402
from citywatch.eventlog.segments import Batch  # noqa: E402
from citywatch.mechanisms.clock import start_of  # noqa: E402
from citywatch.mechanisms.journal import export  # noqa: E402
from citywatch.mechanisms.jurisdiction.models import Place  # noqa: E402

LAST = date(2020, 6, 4)  # a Thursday
SITES, YEARS, DAYS = 10_844, 7, 60
ROUNDS = 3
LIMITS = {"nightly": 60.0, "incremental": 5.0}
K = 10.0  # ordinary days are negative binomial
VISITS = (1.20, 1.08, 1.04, 1.02, 1.00, 0.85, 0.80)  # Monday to Sunday
SYMPTOMS = {
    "fever": 1.5, "cough_throat": 6.0, "diarrhoea": 1.5, "vomiting": 0.6, "rash": 0.8, "red_eye": 0.5,
    "jaundice": 0.02, "bleeding_consciousness": 0.05,
}  # fmt: skip
DRUGS = {"antipyretic": 0.22, "cough": 0.33, "antiviral": 0.13, "antibiotic": 0.32}
REGISTRATIONS, SALES, FEVERS, CARDS_A_YEAR = 23_000, 32_000, 1_375, 250_000
PHARMACIES, CLINICS, HOSPITALS = 1_014, 85, 134


def main():
    given = [int(one) for one in sys.argv[1:]]
    sites, years, days = (given + [SITES, YEARS, DAYS][len(given) :])[:3]
    began = time.perf_counter()
    city = City(sites)
    rows = city.write(years=years, days=days)
    print(f"{sites} sites, {years} years of cards, {days} days of all streams: {rows / 1e6:.1f} million rows")
    print(f"(laid out and written in {time.perf_counter() - began:.0f} s, not part of any figure below)\n")
    slow = measure(city)
    HOME.cleanup()
    if slow:
        sys.exit(f"Too slow: {', '.join(slow)}.")


def measure(city):
    found = {}
    found["nightly, nothing counted before"] = [timed(watch, city.evening(), force=True)]
    usual = []
    kept = export.store().root / "cells"
    for night in range(1, ROUNDS + 1):
        city.add_day(LAST + timedelta(days=night))
        usual.append(timed(watch, city.evening(LAST + timedelta(days=night)), force=True))
    found["nightly, usual"] = usual
    quick = []
    last = LAST + timedelta(days=ROUNDS)
    for part in range(1, ROUNDS + 1):
        at = city.evening(last) + timedelta(minutes=15 * part)
        city.add_quarter(last, part, at)
        quick.append(timed(watch, at))
    found["15 minutes later"] = quick
    touched = sum(file.stat().st_size for file in Path(export.store().root).glob("counts/day=*/*.parquet"))
    cells = sum(file.stat().st_size for file in kept.rglob("*.cells"))
    slow = []
    print(f"{'run':34} {'seconds':>8} {'CPU':>8}  {'by stage, ms (median run)'}")
    for name, runs in found.items():
        took, used, run = sorted(runs, key=lambda one: one[0])[len(runs) // 2]
        print(f"{name:34} {took:8.2f} {used:8.2f}  {', '.join(f'{k} {v}' for k, v in run.stages.items())}")
        limit = LIMITS["incremental" if name.startswith("15") else "nightly"]
        if took > limit:
            slow.append(f"{name} took {took:.1f} s, at most {limit:.0f}")
    cold = found["nightly, nothing counted before"][0]
    print(f"\nseries judged: {cold[2].series}; log of counts {touched / 1e6:.0f} MB, cells kept {cells / 1e6:.0f} MB")
    began = time.perf_counter()
    for file in Path(export.store().root).glob("counts/day=*/*.parquet"):
        file.read_bytes()
    print(f"reading those bytes alone: {time.perf_counter() - began:.2f} s")
    levels = {level: Proposal.objects.filter(level=level).count() for level in ("blue", "yellow", "orange", "red")}
    nights = ROUNDS + 1
    print(f"over {nights} nights: {Signal.objects.count()} signals, proposals {levels}")
    told = Proposal.objects.filter(place__code=city.outbreak_street).order_by("pk").first()
    print(f"the outbreak laid in {city.outbreak_street}: {told.level if told else 'not found'}")
    return slow


def timed(work, at, **more):
    began, used = time.perf_counter(), time.process_time()
    run = work(at=at, **more)
    return time.perf_counter() - began, time.process_time() - used, run


class City:
    """Beijing's streets with made-up sites, and the columns of its reports."""

    def __init__(self, sites):
        call_command("migrate", verbosity=0)
        lay_city("beijing")
        self.random = np.random.default_rng(20200604)
        self.streets = streets()
        weight = np.array([street.population or 1 for street in self.streets], dtype=float)
        home = self.random.choice(len(self.streets), size=sites, p=weight / weight.sum())
        known = {place.pk for place in Place.objects.all()}
        Place.objects.bulk_create(
            [
                Place(
                    code=f"{self.streets[s].code}-X{n:05d}", kind="institution", parent=self.streets[s],
                    path=f"{self.streets[s].path}{self.streets[s].code}-X{n:05d}/", name_zh=f"点位{n}",
                    name_en=f"Site {n}", valid_from=date(1949, 10, 1),
                )
                for n, s in enumerate(home.tolist())
            ],
            batch_size=2000,
        )  # fmt: skip
        places = list(Place.objects.exclude(pk__in=known).order_by("pk"))
        self.place = np.array([place.pk for place in places])
        self.street = np.array([self.streets[s].pk for s in home])
        self.district = np.array([self.streets[s].parent_id for s in home])
        self.size = self.random.gamma(2.0, 0.5, sites)
        self.all_streets = np.array([street.pk for street in self.streets])
        self.submission = 0
        self.outbreak_street = self.streets[int(home[0])].code
        self.diseases = self.random.dirichlet(np.full(42, 0.25))
        listed = reference.diseases(LAST, subtypes=True)
        self.codes = [one.code for one in listed if "甲" not in {one.legal_class, one.managed_as}][:42]

    def evening(self, day=LAST):
        return start_of(day) + timedelta(hours=20)

    def write(self, *, years, days):
        rows, batches = 0, []
        first = LAST - timedelta(days=round(365.25 * years))
        day = first
        while day <= LAST:
            parts = [self.cards(day)]
            if day > LAST - timedelta(days=days):
                parts += self.all_streams(day)
            batches.append(self.batch(parts, day, "day"))
            rows += len(batches[-1].columns["submission"])
            if len(batches) == 200 or day == LAST:
                export.store().append_together(batches)
                batches = []
            day += timedelta(days=1)
        return rows

    def add_day(self, day):
        export.store().append_together([self.batch([self.cards(day), *self.all_streams(day)], day, "day")])

    def add_quarter(self, day, part, at):
        columns = self.all_streams(day, share=1 / 40)
        export.store().append_together([self.batch(columns, day, f"quarter-{part}", at=at - timedelta(minutes=5))])

    def all_streams(self, day, share=1.0):
        level = VISITS[day.weekday()] * share
        n = len(self.place)
        outbreak = 2.0 + 2.0 * (day - LAST).days if -1 <= (day - LAST).days <= 3 and share == 1.0 else 0.0
        return [
            self.reports("symptom", np.arange(n), REGISTRATIONS * level, SYMPTOMS, day, ("fever", outbreak)),
            self.reports("pharmacy", self.pick(PHARMACIES), SALES * share, DRUGS, day, ("antipyretic", outbreak * 2)),
            self.reports("fever", np.arange(n)[-min(CLINICS, n) :], FEVERS * level, {"fever": 1.0}, day),
        ]

    def pick(self, number):
        return np.arange(min(number, len(self.place)))

    def cards(self, day):
        season = 1 + 0.4 * np.sin(2 * np.pi * day.timetuple().tm_yday / 365.25)
        n = min(HOSPITALS, len(self.place))
        shares = dict(zip(self.codes, self.diseases.tolist(), strict=True))
        return self.reports("card", np.arange(n) * (len(self.place) // n), CARDS_A_YEAR / 365 * season, shares, day)

    def reports(self, stream, sites, mean, shares, day, extra=("", 0.0)):  # noqa: PLR0917 - as a row is written
        """One day of a stream: negative binomial by site, one finding each, a zero-report where there was none."""
        weight = self.size[sites] / self.size[sites].sum() * mean
        number = self.random.negative_binomial(K, K / (K + weight))
        site = np.repeat(sites, number)
        p = np.array(list(shares.values())) / sum(shares.values())
        finding = np.array(list(shares), dtype=object)[self.random.choice(len(p), size=site.size, p=p)]
        if extra[1] > 0:
            more = self.random.poisson(extra[1] * 3)
            site = np.concatenate([site, np.zeros(more, dtype=site.dtype)])
            finding = np.concatenate([finding, np.array([extra[0]] * more, dtype=object)])
        silent = sites[number == 0]
        return stream, site, finding, silent, day

    def batch(self, parts, day, name, at=None):
        columns = {key: [] for key in ("submission", "stream", "syndrome", "at", "home", "count")}
        for stream, site, finding, silent, _ in parts:
            ids = self.submission + np.arange(site.size + silent.size)
            self.submission += ids.size
            near = self.street[site]
            home = np.where(self.random.random(site.size) < 0.8, near, self.random.choice(self.all_streets, site.size))
            whole, told = np.array(["*"], dtype=object), np.array([stream], dtype=object)
            columns["submission"] += [ids, ids[: site.size]]
            columns["stream"] += [np.repeat(told, ids.size + site.size)]
            columns["syndrome"] += [np.repeat(whole, ids.size), finding]
            columns["at"] += [site, silent, site]
            columns["home"] += [home, np.zeros(silent.size, dtype=home.dtype), home]
            columns["count"] += [np.ones(site.size), np.zeros(silent.size), np.ones(site.size)]
        told = {key: np.concatenate(some) for key, some in columns.items()}
        site = told["at"].astype(int)
        size = site.size
        moment = np.datetime64(at.replace(tzinfo=None), "us") if at else None
        seconds = self.random.integers(0, 12 * 3600, size)  # from 06:00 to 18:00 in the city
        recorded = np.datetime64(f"{day - timedelta(days=1)}T22:00:00", "us") + seconds * np.timedelta64(10**6, "us")
        return Batch(
            "counts",
            {
                "submission": told["submission"].astype(np.int64) + 1, "stream": told["stream"],
                "syndrome": told["syndrome"], "place": self.place[site].astype(np.int32),
                "street": self.street[site].astype(np.int32), "district": self.district[site].astype(np.int32),
                "home_street": told["home"].astype(np.int32), "person": np.zeros(size, dtype=np.int32),
                "occurred_on": np.full(size, np.datetime64(day, "D")),
                "recorded_at": np.full(size, moment) if at else recorded,
                "corrects": np.zeros(size, dtype=np.int64), "count": told["count"].astype(np.int32),
            },
            day, f"{name}-{day}",
        )  # fmt: skip


if __name__ == "__main__":
    main()
