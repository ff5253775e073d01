"""The main navigation, in the order an outbreak is handled; each item shows only to those who hold its ability."""

from dataclasses import dataclass

from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the navigation: a URL name, its words and the ability that shows it."""

    url: str
    label: Label
    ability: str
    icon: str


ITEMS = (
    Item("report:command", Label("指挥大屏", "Command"), "report.view", "grid"),
    Item("warn:inbox", Label("预警研判", "Duty desk"), "warn.view", "bell"),
    Item("trace:investigations", Label("流调溯源", "Tracing"), "trace.view", "graph"),
    Item("respond:incidents", Label("应急处置", "Response"), "respond.view", "flag"),
    Item("trace:visits", Label("居家随访", "Home visits"), "trace.visit", "person"),
    Item("sense:home", Label("监测报告", "Reporting"), "sense.submit", "form"),
    Item("sense:coverage", Label("报告质量", "Coverage"), "sense.view", "check"),
    Item("lab:worklist", Label("实验室", "Laboratory"), "lab.view", "flask"),
    Item("report:situation", Label("疫情日报", "Situation"), "report.view", "page"),
    Item("report:press", Label("新闻发布", "Press"), "report.press", "page"),
    Item("emergency:home", Label("应急授权", "Emergency"), "emergency.see", "stop"),
    Item("exports:home", Label("清单导出", "Exports"), "export.take", "page"),
    Item("exports:home", Label("导出审批", "Export approvals"), "export.approve", "page"),
    Item("administration:accounts", Label("账户管理", "Accounts"), "accounts.manage", "person"),
    Item("administration:rights", Label("授权管理", "Rights"), "grants.manage", "check"),
    Item("administration:audit", Label("审计", "Audit"), "journal.audit", "page"),
    Item("drill:home", Label("应急演练", "Drills"), "drill.start", "flag"),
)


def for_viewer(viewer: Viewer) -> list[Item]:
    """The viewer's items; of several that lead to one page the first."""
    shown: dict[str, Item] = {}
    for item in ITEMS:
        if viewer.may_anywhere(item.ability):
            shown.setdefault(item.url, item)
    return list(shown.values())
