"""`citywatch rank-exposures` as a stranger with a line list meets it."""

import csv
import io

import pytest
from click.testing import CliRunner
from tests.shared import SHARED, needs_shared

from citywatch.server.cli.rank_exposures import COLUMNS, rank_exposures

DISHES = (
    "baked_ham,spinach,mashed_potato,cabbage_salad,jello,rolls,brown_bread,"
    "milk,coffee,water,cakes,vanilla_ice_cream,chocolate_ice_cream,fruit_salad"
)


def run(*args):
    return CliRunner().invoke(rank_exposures, [str(arg) for arg in args])


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "list.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@needs_shared
def test_at_oswego_the_answer_is_vanilla_ice_cream():
    done = run(SHARED / "data" / "source_tracing" / "oswego_1940_linelist.csv", "--ill", "ill", "--exposures", DISHES)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)
    first, *others = rows(done.stdout)
    assert first["exposure"] == "vanilla_ice_cream"
    assert [f"{float(first[name]):.2f}" for name in ("risk_ratio", "ci_low", "ci_high")] == ["5.57", "1.94", "16.03"]
    assert [first[name] for name in ("exposed_ill", "exposed_total", "unexposed_ill", "unexposed_total")] == [
        "43",
        "54",
        "3",
        "21",
    ]
    assert first["adjusted_risk_ratio"] == ""
    assert all(0.7 < float(row["adjusted_risk_ratio"]) < 1.3 for row in others)
    assert [int(row["rank"]) for row in [first, *others]] == list(range(1, 15))


@pytest.mark.parametrize(("yes", "no"), [("Y", "N"), ("yes", "No"), ("是", "否"), ("1", "0"), ("TRUE", "false")])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_yes_and_no_may_be_said_in_five_ways(file, yes, no, encoding):
    path = file(f"病例,冰淇淋\n{yes},{yes}\n{yes},{yes}\n{no},{no}\n{no},{yes}\n", encoding)
    (row,) = rows(run(path, "--ill", "病例", "--exposures", "冰淇淋").stdout)
    assert [row[name] for name in COLUMNS[1:5]] == ["2", "3", "0", "1"]
    assert (row["risk_ratio"], row["ci_low"], row["rank"]) == ("inf", "", "1")


def test_who_does_not_know_is_left_out_of_that_dish_alone(file):
    path = file("ill,a,b\nY,Y,Y\nY,,Y\nN,UNK,N\n?,N,N\nN,N,N\n")
    found = {
        row["exposure"]: row
        for row in rows(run(path, "--ill", "ill", "--exposures", "a,b", "--unknown", "unk,?").stdout)
    }
    totals = {name: int(row["exposed_total"]) + int(row["unexposed_total"]) for name, row in found.items()}
    assert totals == {"a": 2, "b": 4}


def test_nobody_exposed_is_an_empty_answer_not_a_crash(file):
    done = run(file("ill,a\nY,N\nN,N\n"), "--ill", "ill", "--exposures", "a")
    assert done.exit_code == 0
    assert rows(done.stdout)[0]["risk_ratio"] == ""


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("ill,a\nY,Y\nY,maybe\n", [], "list.csv row 3 column a: 'maybe' is neither yes nor no"),
        ("ill,a\n2,Y\n", [], "list.csv row 2 column ill: '2'"),
        ("ill,b\nY,Y\n", [], "there is no column a"),
        ("sick,a\nY,Y\n", [], "there is no column ill"),
        ("ill,a\nY,Y\n", ["--exposures", "a,a"], "a is named twice"),
        ("ill,a\nY,Y\n", ["--exposures", "a,ill"], "ill is named twice"),
        ("ill,a\nY,Y\n", ["--exposures", " , "], "names no column"),
        ("ill,a\nY,锟斤拷\n", [], "row 2 column a: the text was garbled"),
        ("ill,a\nY,Y\n", ["--out", "x.txt"], "x.txt"),
        ("ill,a\nY,Y\n", ["--wrong"], "--wrong"),
    ],
)
def test_refused_input_is_one_line_with_row_and_column_and_exit_2(file, text, options, says):
    done = run(file(text), "--ill", "ill", "--exposures", "a", *options)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
