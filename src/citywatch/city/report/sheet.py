"""The situation sheet as a Word document, laid out as city offices expect one. Adds no figure of its own."""

from io import BytesIO

import docx
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from docx.document import Document
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml.ns import qn
from docx.shared import Cm, Pt
from docx.styles.style import ParagraphStyle
from docx.text.run import Run

from citywatch.city.report import rules
from citywatch.city.report.types import Situation
from citywatch.mechanisms.clock import SHANGHAI

_TITLE, _BODY, _HEADING = "方正小标宋简体", "仿宋_GB2312", "黑体"
_A4 = (Cm(21.0), Cm(29.7))


def situation_docx(situation: Situation) -> bytes:
    """The sheet in the active language: figures, districts, days, streams, and where each figure comes from."""
    document = docx.Document()
    section = document.sections[0]
    section.page_width, section.page_height = _A4
    section.top_margin, section.bottom_margin, section.left_margin, section.right_margin = (
        Cm(3.0),
        Cm(2.5),
        Cm(2.2),
        Cm(2.2),
    )
    _font(document.styles["Normal"], _BODY, 12)
    _title(document, title(situation))
    _centred(document, _("As known at %s (city time)") % _moment(situation))
    _heading(document, _("1. Figures"))
    _table(
        document,
        [_("Figure"), _("New today"), _("Total"), _("Source"), _("How it counts")],
        [[str(f.rule.label), f.new, f.total, str(f.rule.source), str(f.rule.basis)] for f in situation.figures],
    )
    columns = [f.rule for f in situation.figures if f.rule.code in rules.MAIN]
    _heading(document, _("2. By district (total)"))
    _table(
        document,
        [_("District"), *[str(rule.label) for rule in columns]],
        [[str(line.name), *[line.total[rule.code] for rule in columns]] for line in situation.districts],
    )
    _heading(document, _("3. By day recorded"))
    _table(
        document,
        [_("Day"), *[str(rule.label) for rule in columns]],
        [
            [line.day.isoformat() if line.day else _("earlier"), *[line.new[rule.code] for rule in columns]]
            for line in situation.days
        ],
    )
    _heading(document, _("4. Reporting streams"))
    _table(
        document,
        [
            _("Stream"),
            pgettext("count", "Today"),
            _("Mean of the 7 days before"),
            _("Sites reporting yesterday"),
            _("Sites due"),
        ],
        [
            [str(s.label), s.today, "–" if s.usual is None else f"{s.usual:.1f}", s.reporting, s.expected]
            for s in situation.streams
        ],
    )
    if situation.risk_points:
        _heading(document, _("5. Published risk points"))
        document.add_paragraph("、".join(str(name) for name in situation.risk_points))
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def title(situation: Situation) -> str:
    return _("%(place)s: epidemic situation of %(day)s") % {
        "place": situation.place_name,
        "day": _("%(year)d-%(month)02d-%(day)02d")
        % {"year": situation.day.year, "month": situation.day.month, "day": situation.day.day},
    }


def _moment(situation: Situation) -> str:
    return situation.as_of.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def _title(document: Document, text: str) -> None:
    paragraph = document.add_paragraph()
    paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = paragraph.add_run(text)
    _bold(run, _TITLE, 20)


def _centred(document: Document, text: str) -> None:
    document.add_paragraph(text).alignment = WD_ALIGN_PARAGRAPH.CENTER


def _heading(document: Document, text: str) -> None:
    run = document.add_paragraph().add_run(text)
    _bold(run, _HEADING, 14)


def _table(document: Document, head: list[str], rows: list[list[object]]) -> None:
    made = document.add_table(rows=1, cols=len(head), style="Table Grid")
    for cell, text in zip(made.rows[0].cells, head, strict=True):
        cell.text = text
    for row in rows:
        for cell, value in zip(made.add_row().cells, row, strict=True):
            cell.text = str(value)
    for row in made.rows:
        for cell in row.cells:
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(9)


def _font(style: ParagraphStyle, name: str, points: int) -> None:
    style.font.name, style.font.size = name, Pt(points)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), name)


def _bold(run: Run, name: str, points: int) -> None:
    run.font.size, run.font.bold, run.font.name = Pt(points), True, name
    # Word keeps the font of Chinese characters apart from that of Latin ones.
    run._element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), name)
