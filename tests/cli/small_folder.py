"""A simulated city small enough to know by heart, written as `citywatch simulate` writes one.

One street of Fengtai: a health centre, a hospital with a fever clinic, a laboratory, and a market of two halls. Forty
people, numbered from 0. Two or three register with a fever each day; from day 11 to day 13 eight a day do, of whom 20
belong to outbreak 0, infected in hall 1 on day 8. On day 13 two of them are tested positive and interviewed next
morning. Outbreak 1 has three infections and no report.
"""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np

from citywatch.simulation.identities import id_numbers

START = date(2020, 5, 4)  # a Monday
DAYS = 16
STREET = "110106018"
CENTRE, HOSPITAL, LAB = f"{STREET}-C01", f"{STREET}-H01", f"{STREET}-L01"
MARKET = f"{STREET}-M01"
HALL, OTHER_HALL = f"{MARKET}-1", f"{MARKET}-2"
PLACES = [
    (CENTRE, STREET, "institution", "chc", "花乡社区卫生服务中心", "Huaxiang Health Centre", "symptom", "sentinel"),
    (HOSPITAL, STREET, "institution", "hospital", "丰台医院", "Fengtai Hospital", "fever;card", "fever_clinic;ed"),
    (LAB, STREET, "institution", "lab", "丰台核酸检测所", "Fengtai Laboratory", "lab", ""),
    (HALL, MARKET, "hall", "", "一号厅", "Hall 1", "", ""),
    (MARKET, STREET, "market", "", "花乡市场", "Huaxiang Market", "", ""),
    (OTHER_HALL, MARKET, "hall", "", "二号厅", "Hall 2", "", ""),
    (f"{STREET}-R01", STREET, "restaurant", "", "花乡餐馆", "Huaxiang Restaurant", "", ""),
]
PEOPLE = 40
ILL = list(range(20))  # of outbreak 0; 20 to 22 are those of outbreak 1
BORN = np.arange(PEOPLE) * 211 - 9000
MALE = np.arange(PEOPLE) % 2 == 0
NUMBERS = id_numbers("beijing", born=BORN, male=MALE)


def at(day: int, hour: float) -> datetime:
    """An hour of a day of the story, as clocks in Beijing show it."""
    return datetime(START.year, START.month, START.day, tzinfo=UTC) + timedelta(days=day, hours=hour - 8)


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def row(person: int, day: int, hour: int) -> dict[str, str]:
    """A registration with fever and cough."""
    return {
        "visit_at": f"{START + timedelta(days=day)}T{hour:02d}:{person:02d}",
        "name": f"张{'甲乙丙丁戊己庚辛壬癸'[person % 10]}{'一二三四'[person // 10]}",
        "id_number": str(NUMBERS[person]),
        "sex": "M" if MALE[person] else "F",
        "age": "30",
        "age_unit": "Y",
        "occupation": "17",
        "home_street": STREET,
        "onset_date": str(START + timedelta(days=day - 1)),
        "symptoms": "fever;cough_throat",
        "temperature": "38.1",
        "visit_type": "first",
        "travel_14d": "N",
        "contact_14d": "N",
        "cluster_14d": "N",
        "disposition": "home",
    }


def write(root: Path, **scenario: object) -> Path:
    """Write the folder; `scenario` changes what scenario.json says."""
    root.mkdir(parents=True)
    told = {
        "format": 1, "scenario": "market", "city": "beijing", "people": PEOPLE, "seed": 1, "start": START.isoformat(),
        "days": DAYS, "first_positive": iso(at(13, 20)), "capture": 1.0, "made_by": "test",
    }  # fmt: skip
    (root / "scenario.json").write_text(json.dumps(told | scenario))
    (root / "progress.json").write_text(json.dumps({"done": True}))
    _places(root)
    truth_reports = _reports(root)
    _visits(root)
    _interviews(root)
    _truth(root, truth_reports)
    return root


def _places(root: Path) -> None:
    columns = list(zip(*PLACES, strict=True))
    names = ("code", "parent_code", "kind", "institution_kind", "name_zh", "name_en", "streams", "flags")
    table = {"place_id": np.arange(len(PLACES), dtype=np.int32)}
    table |= {name: np.array(values, dtype=object) for name, values in zip(names, columns, strict=True)}
    many = np.array([STREET] * len(PLACES), dtype=object)
    table |= {"district_code": np.array([STREET[:6]] * len(PLACES), dtype=object), "street_code": many}
    table |= {"lon": np.full(len(PLACES), 116.34), "lat": np.full(len(PLACES), 39.81)}
    _parquet(root / "places.parquet", table)
    people = {
        "person_id": np.arange(PEOPLE, dtype=np.int32),
        "born": BORN.astype("datetime64[D]").astype("datetime64[s]"),
        "male": MALE,
        "home_street": np.array([STREET] * PEOPLE, dtype=object),
    }
    _parquet(root / "people.parquet", people)


def _reports(root: Path) -> list[tuple[str, int, int]]:
    """Write each day's batches; returns the rows of true infections: message, row, person."""
    folder = root / "reports"
    folder.mkdir()
    true: list[tuple[str, int, int]] = []
    ill = iter(ILL)
    for day in range(DAYS):
        ordinary = [30 + (day + n) % 10 for n in range(2 + day % 2)]
        extra = [next(ill) for _ in range({11: 6, 12: 7, 13: 7}.get(day, 0))]
        message = f"symptom-{day}"
        rows = [row(person, day, 10) for person in ordinary] + [row(person, day, 11) for person in extra]
        sent = [(at(day, 18), CENTRE, "symptom-registration", message, rows)]
        true += [(message, len(ordinary) + n, person) for n, person in enumerate(extra)]
        if day == 13:
            for person in (0, 1):
                sent.append((at(day, 12 + person), HOSPITAL, "fever-clinic-visit", f"fever-{person}", [_fever(person)]))
                sent.append((at(day, 20 + person), LAB, "lab-result", f"lab-{person}", [_result(person)]))
                true += [(f"fever-{person}", 0, person), (f"lab-{person}", 0, person)]
        lines = [
            json.dumps(
                {"sent_at": iso(when), "site": site, "form": form, "message_id": name,
                 "day": str(START + timedelta(days=day)), "rows": rows},
                ensure_ascii=False,
            )
            for when, site, form, name, rows in sorted(sent, key=lambda one: one[0])
        ]  # fmt: skip
        (folder / f"day={START + timedelta(days=day)}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return true


def _fever(person: int) -> dict[str, str]:
    asked = ("visit_at", "name", "id_number", "sex", "age", "age_unit", "occupation", "home_street", "onset_date",
             "symptoms", "temperature")  # fmt: skip
    registered = row(person, 13, 11)
    more = {"pcr_ordered": "Y", "sample_barcode": f"S{person}", "disposition": "held", "exposure_history": ""}
    return {name: registered[name] for name in asked} | {"phone": f"1990000000{person}", "address": "某小区"} | more


def _result(person: int) -> dict[str, str]:
    return {
        "barcode": f"S{person}", "specimen": "throat_swab", "method": "pcr", "result": "positive",
        "ct_orf1ab": "25.0", "ct_n": "24.0", "tested_at": f"{START + timedelta(days=13)}T{20 + person}:00",
    }  # fmt: skip


def _visits(root: Path) -> None:
    """On day 8 the ill are in hall 1 from ten to half past; everybody else is in hall 2."""
    start = np.full(PEOPLE, np.datetime64(at(8, 10).replace(tzinfo=None), "us"))
    place = np.array([3 if person in ILL else 5 for person in range(PEOPLE)], dtype=np.int32)
    stays = {
        "person_id": np.arange(PEOPLE, dtype=np.int32),
        "place_id": place,
        "start": start,
        "end": start + np.timedelta64(30, "m"),
    }
    _parquet(root / "visits" / f"day={START + timedelta(days=8)}" / "part-0.parquet", stays)


def _interviews(root: Path) -> None:
    """Both positives tell of the hall; the first names person 2, whom they infected, and 35, whom they did not."""

    def met(person: int) -> dict[str, object]:
        return {
            "person": person, "name": row(person, 1, 1)["name"], "id_number": str(NUMBERS[person]), "phone": "",
            "address": "", "ground": "home", "kind": "close", "first_at": iso(at(11, 9)), "last_at": iso(at(13, 9)),
            "place_code": None, "through": None,
        }  # fmt: skip

    stay = {"place_code": HALL, "from_at": iso(at(8, 10)), "to_at": iso(at(8, 10.5))}
    told = [
        {
            "case_ref": f"S{person}", "person_id": person, "at": iso(at(14, 8 + person)), "onset": iso(at(12, 9)),
            "stays": [stay], "contacts": [met(2), met(35)] if person == 0 else [],
        }
        for person in (0, 1)
    ]  # fmt: skip
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in told)
    (root / "interviews.jsonl").write_text(text, encoding="utf-8")


def _truth(root: Path, reports: list[tuple[str, int, int]]) -> None:
    infected = [*ILL, 20, 21, 22]
    number = len(infected)
    outbreak = np.array([0] * 20 + [1] * 3, dtype=np.int32)
    when = [at(8, 10.25)] * 20 + [at(5, 12)] * 3
    infector = [-1, -1, 0, 0] + [-1] * 19  # 2 and 3 were infected by person 0, who names 2 alone
    truth = {
        "person_id": np.array(infected, dtype=np.int32), "infector": np.array(infector, dtype=np.int32),
        "outbreak": outbreak, "infected_at": _instants(when), "place_id": np.full(number, 3, dtype=np.int32),
    }  # fmt: skip
    _parquet(root / "truth.parquet", truth)
    rows = {
        "message_id": np.array([one[0] for one in reports], dtype=object),
        "row": np.array([one[1] for one in reports], dtype=np.int32),
        "person_id": np.array([one[2] for one in reports], dtype=np.int32),
        "outbreak": np.zeros(len(reports), dtype=np.int32),
    }
    _parquet(root / "truth_reports.parquet", rows)
    outbreaks = {
        "outbreak": np.array([0, 1], dtype=np.int32), "kind": np.array(["market", "household"], dtype=object),
        "disease": np.array(["covid-19", "covid-19"], dtype=object), "source_place": np.array([3, -1], dtype=np.int32),
        "began_at": _instants([at(8, 10.25), at(5, 12)]), "size": np.array([20, 3], dtype=np.int32),
        "first_report_at": np.array([_instant(at(11, 18)), np.datetime64("NaT")]),
    }  # fmt: skip
    _parquet(root / "outbreaks.parquet", outbreaks)


def _instant(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "us")


def _instants(moments: list[datetime]) -> np.ndarray:
    return np.array([_instant(moment) for moment in moments])


def _parquet(path: Path, columns: dict[str, np.ndarray]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as files:
        files.register("given", columns)
        files.execute(f"COPY (SELECT * FROM given) TO '{path}' (FORMAT parquet)")
