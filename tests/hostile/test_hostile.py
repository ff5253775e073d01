"""What was made to do harm is refused in one sentence, or its bad rows wait and the others are taken."""

import resource
from pathlib import Path

import pytest
from tests.conftest import NOON
from tests.hostile.corpus import HERE, MADE, cases

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.forms.services import check_rows
from citywatch.server import forms

FORM = forms.form("symptom-registration")
LONG = 1000


def judged(case):
    """The verdict on a case, how many rows are good and bad, and the sentences said."""
    try:
        rows = forms.DECODERS[FORM.code, case.channel][1](case.content)
    except Refusal as refusal:
        return "refused", 0, 0, [refusal.sentence, refusal.zh]
    if len(rows) > LONG:  # that all rows were read is what matters here
        return "read", len(rows), 0, [rows[-1].values["name"]]
    checked = check_rows(FORM, rows, sent_at=NOON)
    bad = [problems for _, problems in checked if problems]
    return "taken", len(rows) - len(bad), len(bad), [one.sentence.en for problems in bad for one in problems]


@pytest.mark.django_db
@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_what_was_made_to_do_harm_gets_its_verdict(case):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    verdict, good, bad, said = judged(case)

    assert (verdict, good, bad) == (case.verdict, case.good, case.bad), said
    assert any(case.says in sentence for sentence in said) or not case.says, said
    if verdict == "refused":
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) < 256 * 1024
    assert not Path("/tmp/citywatch-was-here").exists()


def test_every_file_has_a_verdict_and_every_verdict_a_file():
    assert {case.name for case in cases()} == set(MADE) | {path.name for path in (HERE / "files").iterdir()}
