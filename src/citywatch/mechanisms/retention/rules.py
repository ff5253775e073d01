"""The dated table of retention clocks. A rule that changes gets a new line with its day; the old line stays.

No statute read so far names a number of days for most classes: it says "the shortest period necessary". Those numbers
are ours and marked assumed; the city's own lawyer replaces them here, with source and day, before real data come in.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from citywatch.mechanisms.labels import Label

_PIPL = Label(
    "《个人信息保护法》第十九条、第四十七条：实现处理目的所必要的最短时间",
    "PIPL art. 19 and 47: no longer than the purpose needs",
)
_EVENT = Label(
    "《突发事件应对法》（2024）第八十五条：应急处置结束后销毁",
    "Emergency Response Law (2024) art. 85: destroyed when the response ends",
)
_LOGS = Label(
    "《网络安全法》第二十一条：网络日志留存不少于六个月", "Cybersecurity Law art. 21: network logs at least six months"
)
_FIRST_DAY = date(2020, 1, 1)


@dataclass(frozen=True, slots=True)
class Rule:
    """How long one class of data is kept, from when, and on whose authority. Without `keeps` it is never destroyed."""

    code: str
    label: Label
    since: Label
    keeps: timedelta | None
    source: Label
    assumed: bool
    valid_from: date = _FIRST_DAY


RULES = (
    Rule(
        "case-identity", Label("病例身份信息", "Identities of cases"), Label("报告日期", "reported"),
        timedelta(days=3 * 365), _PIPL, assumed=True,
    ),
    Rule(
        "patient-identity", Label("就诊与采样人员身份信息", "Identities of patients and people sampled"),
        Label("最后一次报告", "last report"), timedelta(days=365), _PIPL, assumed=True,
    ),
    Rule(
        "contact-identity", Label("密切接触者身份信息", "Identities of contacts"), Label("判定日期", "judged"),
        timedelta(days=90), _EVENT, assumed=True,
    ),
    Rule(
        "visitor-index", Label("到访人员索引", "Index of people seen only in visits"),
        Label("最后一次到访", "last visit kept"),
        timedelta(days=60), _PIPL, assumed=True,
    ),
    Rule(
        "visits", Label("到访记录", "Captured visits"), Label("到访日期", "day of the visit"),
        timedelta(days=60), _EVENT, assumed=True,
    ),
    Rule(
        "messages", Label("原始报文", "Messages as they came"), Label("接收时间", "received"),
        timedelta(days=30), _PIPL, assumed=True,
    ),
    Rule(
        "quarantine", Label("已处理的待更正行", "Quarantined rows, settled"), Label("处理时间", "settled"),
        timedelta(days=30), _PIPL, assumed=True,
    ),
    Rule(
        "photos", Label("报告所附照片", "Photos of reports"), Label("接收时间", "received"),
        timedelta(days=30), _PIPL, assumed=True,
    ),
    Rule(
        "sign-ins", Label("登录日志", "Log of sign-ins"), Label("登录时间", "attempted"), timedelta(days=183), _LOGS,
        assumed=False,
    ),
    Rule(
        "journal", Label("审计日志（仅代号）", "Journal (pseudonyms only)"), Label("—", "—"), None, _LOGS, assumed=False
    ),
)  # fmt: skip


def rule(code: str, on: date) -> Rule:
    """The rule of a class that holds on a day."""
    held = [one for one in RULES if one.code == code and one.valid_from <= on]
    if not held:
        raise ValueError(f"No retention rule {code!r} holds on {on}; RULES has {sorted({one.code for one in RULES})}.")
    return max(held, key=lambda one: one.valid_from)


def keeps(code: str, on: date) -> timedelta:
    """How long a class is kept; of one that is never destroyed nobody asks."""
    found = rule(code, on).keeps
    if found is None:
        raise ValueError(f"The class {code!r} is never destroyed.")
    return found
