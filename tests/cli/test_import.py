"""Places and visits from files, as the person who sets a city up brings them in."""

import json

import duckdb
from tests.city.reports import id_number
from tests.cli.conftest import SITE

MARKET, HALL = "350206001-M01", "350206001-M01-1"
STREET = SITE.split("-")[0]
HEADER = "code,parent_code,kind,name_zh,name_en,lon,lat,institution_kind,streams,flags"
LIST = [
    f"{MARKET},{STREET},market,湖里批发市场,Huli Wholesale Market,118.1,24.5,,,",
    f"{HALL},{MARKET},hall,海鲜厅,Seafood Hall,,,,,",
]
STAY = ("2020-06-01T08:30", "2020-06-01T09:00")


def written(path, *lines):
    path.write_text("\n".join([HEADER, *lines]), encoding="utf-8")
    return path


def test_visits_come_from_a_table_lines_or_parquet_and_the_same_file_stores_nothing_again(founded, tmp_path):
    told = founded.run("import", "places", written(tmp_path / "a.csv", *LIST))
    assert told.out == "2 places read: 2 stored, 0 changed, 0 the same\n", told.err
    names = ("id_number", "place_code", "time_in", "time_out")
    rows = [(id_number(1), HALL, *STAY), (id_number(2), "nowhere", *STAY)]
    table = tmp_path / "v.csv"
    table.write_text("\n".join(",".join(row) for row in [names, *rows]), encoding="utf-8")
    lines = tmp_path / "v.ndjson"
    lines.write_text("\n".join(json.dumps(dict(zip(names, row, strict=True))) for row in rows), encoding="utf-8")
    parquet = tmp_path / "v.parquet"
    with duckdb.connect() as files:
        files.execute(
            f"COPY (SELECT id_number, place_code, time_in::TIMESTAMP AS time_in, time_out::TIMESTAMP AS time_out "
            f"FROM read_csv('{table}', all_varchar = true)) TO '{parquet}' (FORMAT parquet)"
        )

    for file in (table, parquet):
        told = founded.run("import", "visits", file)
        assert "2 visits received: 1 stored, 0 duplicate, 1 quarantined" in told.out, told.err
        assert "row 2: There is no place with this code" in told.out
    # The lines of a table are the same message: what they hold was imported before.
    assert "imported before" in founded.run("import", "visits", lines).out
