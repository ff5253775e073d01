"""A small city whose source is known, with the traps investigators fall into, written as files."""

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

START = datetime(2020, 6, 1)  # noqa: DTZ001
DAYS = 28


@dataclass(frozen=True)
class City:
    """Where the files lie and what is true."""

    folder: Path
    source: str
    cases: dict

    def arguments(self):
        return ("--cases", self.folder / "cases.csv", "--visits", self.folder / "visits.csv")


class _Visits:
    def __init__(self, rng):
        self.rng, self.rows = rng, []

    def add(self, people, places, day, *, hours):
        people = np.asarray(people)
        places = [places] * len(people) if isinstance(places, str) else places
        begin = np.asarray(day) + self.rng.uniform(9, 20, len(people)) / 24
        for person, place, at in zip(people.tolist(), places, begin.tolist(), strict=True):
            self.rows.append((person, place, at, at + hours / 24))

    def incubation(self, n):
        return np.clip(np.round(self.rng.lognormal(1.6, 0.45, n)), 2, 13).astype(int)

    def night(self, people, places, day):
        self.rows += [(p, q, day - 0.2, day + 0.3) for p, q in zip(people.tolist(), places, strict=True)]


def plant(
    folder,
    *,
    seed,
    people=1200,
    at_source=18,
    elsewhere=14,
    hospital=False,
    household=False,
    congregation=False,
    captured=1.0,
    recall=0,
):
    """Plant `at_source` cases at a market on days 6 to 9, `elsewhere` with nothing in common, and the traps asked for.

    Everyone sleeps in a home of four, many work, all go to shops of uneven fame, four in ten go to one supermarket
    every day. `hospital`: the ill are tested in one, for days, and `recall` makes told onsets wrong by so many days.
    `congregation`: the first case infects more people at one service than the market did.
    """
    rng = np.random.default_rng(seed)
    visits = _Visits(rng)
    everyone = np.arange(people)
    _ordinary_days(visits, everyone)
    first = rng.choice(people, at_source, replace=False)
    infected = rng.integers(6, 10, at_source)
    onset = dict(zip(first.tolist(), (infected + visits.incubation(at_source)).tolist(), strict=True))
    visits.add(first, "MARKET", infected, hours=1)
    if household:
        at_home = [(case, case // 4 * 4 + i) for case in onset for i in range(4)]
        onset = {other: onset[case] + int(visits.incubation(1)[0]) for case, other in at_home} | onset
    rest = rng.permutation([p for p in range(people) if p not in onset])
    onset |= {int(p): int(rng.integers(10, 22)) for p in rest[:elsewhere]}
    if congregation:
        index = min(first.tolist(), key=onset.get)
        there = rest[elsewhere : elsewhere + 50]
        visits.rows += [(int(p), "CHURCH", onset[index] + 0.4, onset[index] + 0.5) for p in [index, *there]]
        onset |= dict(zip(there[:22].tolist(), (onset[index] + visits.incubation(22)).tolist(), strict=True))
    if hospital:
        ill = np.array(list(onset))
        for _ in range(2):
            came = ill[rng.random(len(ill)) < 0.85]
            days = np.array([onset[int(p)] for p in came]) + rng.integers(0, 4, len(came))
            visits.add(came, "HOSPITAL", days, hours=3)
    told = {p: day + (int(rng.integers(-recall, recall + 1)) if recall else 0) for p, day in onset.items()}
    kept = [row for row in visits.rows if captured == 1 or rng.random() < captured]
    rows = ((f"P{p}", q, _at(a), _at(b)) for p, q, a, b in kept)
    _write(folder / "visits.csv", ("person_id", "place_id", "start", "end"), rows)
    _write(folder / "cases.csv", ("person_id", "onset"), ((f"P{p}", _at(day)[:10]) for p, day in told.items()))
    return City(folder, "MARKET", told)


def _ordinary_days(visits, everyone):
    rng, people = visits.rng, len(everyone)
    home = [f"H{p // 4}" for p in everyone]
    work = [f"W{w}" for w in rng.integers(0, people // 15, people)]
    fame = 1 / np.arange(1, 81)
    for day in range(DAYS):
        visits.night(everyone, home, day)
        if day % 7 < 5:
            visits.add(everyone, work, day, hours=7)
        shoppers = np.repeat(everyone, rng.poisson(0.6, people))
        shops = [f"V{v}" for v in rng.choice(80, len(shoppers), p=fame / fame.sum())]
        visits.add(shoppers, shops, day, hours=0.7)
        for place, often in (("SUPERMARKET", 0.4), ("HOSPITAL", 0.004), ("MARKET", 0.004)):
            visits.add(np.flatnonzero(rng.random(people) < often), place, day, hours=1)


def _at(day):
    return (START + timedelta(minutes=int(day * 1440))).isoformat(timespec="minutes")


def _write(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
