"""The life of a sample, and what other areas may know of one."""

from dataclasses import dataclass
from datetime import date, datetime

from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import Lifecycle, Transition

_RESULT = "lab.result"

SAMPLE = Lifecycle(
    "sample",
    states={
        "ordered": Label("待检", "Ordered"),
        "negative": Label("阴性", "Negative"),
        "positive": Label("阳性", "Positive"),
        "indeterminate": Label("可疑，待复检", "Indeterminate, to be tested again"),
    },
    transitions=(
        Transition(
            "report_negative",
            ("ordered", "indeterminate"),
            "negative",
            needs=_RESULT,
            label=Label("报告阴性", "Report negative"),
            stops=("pcr-clinic",),
        ),
        # From negative too: a missed positive that is put right must reach the person. The other way round is a
        # contradiction that a human settles.
        Transition(
            "report_positive",
            ("ordered", "indeterminate", "negative"),
            "positive",
            needs=_RESULT,
            label=Label("报告阳性", "Report positive"),
            stops=("pcr-clinic",),
        ),
        Transition(
            "report_indeterminate",
            ("ordered",),
            "indeterminate",
            needs=_RESULT,
            label=Label("报告可疑", "Report indeterminate"),
        ),
    ),
    done=frozenset({"negative", "positive"}),
)


@dataclass(frozen=True, slots=True)
class SampleFacts:
    """A sample as other areas may know it."""

    id: int
    barcode: str
    person_id: int
    place_id: int
    lab_place_id: int | None
    submission_id: int
    state: str
    ordered_at: datetime
    resulted_at: datetime | None
    ct_orf1ab: float | None
    ct_n: float | None


@dataclass(frozen=True, slots=True)
class DayOfResults:
    """How many results of each kind were recorded on a day."""

    day: date
    negative: int
    positive: int
    indeterminate: int

    @property
    def tested(self) -> int:
        return self.negative + self.positive + self.indeterminate


@dataclass(frozen=True, slots=True)
class LooseEnd:
    """A result (or an order) that the laboratory's list could not take as it came."""

    kind: str
    barcode: str
    result: str
    place_id: int
    place_name: str
    at: datetime
    submission_id: int

    @property
    def what(self) -> Label:
        return _LOOSE[self.kind]


_LOOSE = {
    "lab.result_unmatched": Label("没有此条码的送检单", "No order has this barcode"),
    "lab.result_contradicted": Label("与已报告的结果矛盾", "Contradicts the result already reported"),
    "lab.barcode_reused": Label("条码已被另一份标本使用", "The barcode already belongs to another sample"),
}
LOOSE_KINDS = tuple(_LOOSE)
