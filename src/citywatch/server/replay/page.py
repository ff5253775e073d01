"""The score as one page that needs nothing else: a table, and charts drawn here as SVG."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

Report = Mapping[str, Any]
_WIDE, _ROW = 860, 18
_LEFT = 170
_STYLE = """
body{font:15px/1.5 system-ui,"PingFang SC","Microsoft YaHei",sans-serif;margin:2rem auto;max-width:56rem}
body{color:#1b2733}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}p.small{color:#5b6b7b;font-size:.85rem}
table{border-collapse:collapse;font-size:.9rem}
td,th{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #e3e8ee}
td:first-child,th:first-child{text-align:left}
svg text{font:12px system-ui,sans-serif;fill:#1b2733}
.figures{display:flex;flex-wrap:wrap;gap:1rem}
.figures div{border:1px solid #d5dde6;border-radius:6px;padding:.5rem 1rem}
.figures b{display:block;font-size:1.3rem}
"""
_INK, _PALE, _GOOD, _BAD = "#33658a", "#b9cbda", "#2f7d4f", "#b5443a"
_COLUMNS = (
    ("alerts", "Alerts 提示"),
    ("per_district_week", "A district-week 每区每周"),
    ("precision", "Precision 准确率"),
    ("precision_two_reports", "By two reports 至少两例"),
    ("found_share", "Found 发现"),
    ("found_share_20plus", "Found, 20+ 20例以上"),
    ("median_delay_days", "Delay, days 延迟（天）"),
    ("median_cases_by_alert", "Cases by then 当时感染"),
)


def page(report: Report) -> str:
    """A whole HTML page of one score."""
    scored = report["scored"]
    parts = [
        f"<h1>{escape(report['folder'])}</h1>",
        _small(
            f"{escape(scored['from'])} – {escape(scored['until'])} · {scored['days']:.0f} days · "
            f"{scored['districts']} districts · {report['people']:,} people. Synthetic city: every person is invented. "
            "合成城市：人物均为虚构。"
        ),
        _figures(report),
        "<h2>Proposals, streams and methods · 预警提议、监测渠道与方法</h2>",
        _table(report),
        _small(
            "Delay: days from an outbreak's first report to the first alert that held one of its reports; the median "
            "over outbreaks of 20 infections and more, those missed counting as endless (–). "
            "延迟：自首例报告至首个含该疫情报告的提示；取20例以上疫情的中位数，未发现者按无穷计（–）。"
        ),
        "<h2>Outbreaks and when they were found · 各起疫情及发现时间</h2>",
        _outbreaks(report),
        "<h2>Proposals by week · 每周预警提议</h2>",
        _weeks(report["alerts"]["by_week"]),
        "<h2>Rank of the true source as cases accrue · 真实源头排名</h2>",
        _ranks(report["source"]["each"]),
        "<h2>Limits kept · 时限</h2>",
        _clocks(report["clocks"]),
    ]
    title = escape(f"CityWatch score {report['folder']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _figures(report: Report) -> str:
    best = report["best_single_stream"]
    contacts = report["contacts"]
    told = (
        ("Precision of proposals 提议准确率", _share(report["alerts"]["precision"])),
        ("Proposals a district-week 每区每周提议", _plain(report["alerts"]["per_district_week"])),
        ("Outbreaks of 20+ found 20例以上发现", _share(report["outbreaks"]["found_share_20plus"])),
        ("Median delay, days 中位延迟（天）", _plain(report["outbreaks"]["median_delay_days"])),
        (f"Best single stream, {best['stream']} 最佳单一渠道", _plain(best["median_delay_days"])),
        ("Source in first 3 within 5 cases 源头前三", _share(report["source"]["top3_within_5_cases_share"])),
        ("True contacts listed 真实密接列入", _share(contacts["share"])),
    )
    return (
        "<div class=figures>" + "".join(f"<div><b>{value}</b>{escape(name)}</div>" for name, value in told) + "</div>"
    )


def _table(report: Report) -> str:
    rows = [("Proposals 预警提议", report["alerts"] | {"alerts": report["alerts"]["count"]} | report["outbreaks"])]
    for name, one in report["streams"].items():
        rows += [(f"Stream {name}", one), (f"· at the same number 同等数量 ({name})", one["at_same_number"])]
    rows += [(f"Method {name}", one) for name, one in report["methods"].items()]
    head = "".join(f"<th>{escape(words)}</th>" for _, words in _COLUMNS)
    body = "".join(
        f"<tr><td>{escape(name)}</td>{''.join(f'<td>{_plain(one.get(key))}</td>' for key, _ in _COLUMNS)}</tr>"
        for name, one in rows
    )
    return f"<table><tr><th></th>{head}</tr>{body}</table>"


def _outbreaks(report: Report) -> str:
    """A line an outbreak, from its first infection; a dot where it was first reported, a bar where it was found."""
    each = sorted(report["outbreaks"]["each"], key=lambda one: one["began_at"])
    if not each:
        return "<p>None. 无。</p>"
    begin, end = _moment(report["scored"]["from"]), _moment(report["scored"]["until"])

    def x(text: str) -> float:
        return _LEFT + (_moment(text) - begin) / max(end - begin, 1.0) * (_WIDE - _LEFT - 20)

    parts = []
    for n, one in enumerate(each):
        y = 14 + n * _ROW
        found = one["alert_at"]
        colour = _GOOD if found else _BAD
        name = f"{one['outbreak']} {one['kind']} ({one['size']})"
        parts.append(f'<text x="0" y="{y + 4}">{escape(name)}</text>')
        stop = x(found) if found else x(report["scored"]["until"])
        parts.append(_line((x(one["began_at"]), y), (max(stop, x(one["began_at"])), y), colour=_PALE, wide=5))
        if one["first_report_at"]:
            parts.append(f'<circle cx="{x(one["first_report_at"]):.1f}" cy="{y}" r="4" fill="{_INK}"/>')
        if found:
            parts.append(_line((x(found), y - 7), (x(found), y + 7), colour=colour, wide=3))
        else:
            parts.append(f'<text x="{_WIDE - 14}" y="{y + 4}" style="fill:{colour}">×</text>')
    return _svg(parts, 20 + len(each) * _ROW)


def _weeks(weeks: Sequence[Report]) -> str:
    most = max([1, *(one["alerts"] for one in weeks)])
    wide = (_WIDE - 60) / max(len(weeks), 1)
    parts = [f'<text x="0" y="14">{most}</text>', '<text x="0" y="120">0</text>']
    for n, one in enumerate(weeks):
        for key, colour in (("alerts", _PALE), ("touching", _GOOD)):
            high = 110 * one[key] / most
            parts.append(
                f'<rect x="{40 + n * wide:.1f}" y="{120 - high:.1f}" width="{max(wide - 2, 1):.1f}" '
                f'height="{high:.1f}" fill="{colour}"/>'
            )
    return (
        _svg(parts, 130) + "<p class=small>Pale: all; green: those that touch a true outbreak. "
        "浅色：全部；绿色：触及真实疫情。</p>"
    )


def _ranks(each: Sequence[Report]) -> str:
    if not each:
        return "<p>No investigation had a source to find. 没有需要溯源的调查。</p>"
    parts, high = [], 150
    for rank in (1, 3, 10):
        y = _rank_y(rank)
        parts += [
            _line((40, y), (_WIDE - 20, y), colour="#e3e8ee", wide=1),
            f'<text x="0" y="{y + 4:.1f}">{rank}</text>',
        ]
    for one in each:
        points = [(40 + (n + 1) * 60, _rank_y(rank)) for n, rank in enumerate(one["ranks"]) if rank]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{_INK}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{_INK}"/>' for x, y in points]
    return _svg(parts, high) + "<p class=small>Cases interviewed, from left. 自左起：已流调病例数。</p>"


def _rank_y(rank: int) -> float:
    return 14 + 12.0 * (min(rank, 11) - 1)


def _clocks(clocks: Mapping[str, Report]) -> str:
    rows = "".join(
        f"<tr><td>{escape(code)}</td><td>{one['met']}</td><td>{one['late']}</td><td>{one['running']}</td>"
        f"<td>{_share(one['met_share'])}</td></tr>"
        for code, one in clocks.items()
    )
    head = "<tr><th>Limit 时限</th><th>Met 按时</th><th>Late 超时</th><th>Running 进行中</th><th></th></tr>"
    return f"<table>{head}{rows}</table>"


def _svg(parts: Iterable[str], high: float) -> str:
    return f'<svg viewBox="0 0 {_WIDE} {high:.0f}" width="100%" role="img">{"".join(parts)}</svg>'


def _small(text: str) -> str:
    return f"<p class=small>{text}</p>"


def _line(begin: tuple[float, float], end: tuple[float, float], *, colour: str, wide: int) -> str:
    at = f'x1="{begin[0]:.1f}" y1="{begin[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line {at} stroke="{colour}" stroke-width="{wide}"/>'


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _plain(value: float | None) -> str:
    if value is None:
        return "–"
    return str(value) if isinstance(value, int) else f"{value:.2f}"
