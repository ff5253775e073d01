"""The after-action sheet as a Word document. Adds no figure of its own; the watermark is put on at the door."""

from datetime import datetime
from io import BytesIO

import docx
from django.utils.translation import gettext as _

from citywatch.mechanisms import clock
from citywatch.server.drill.after_action import Closure, Sheet


def after_action_docx(sheet: Sheet) -> bytes:
    """The sheet in the active language."""
    document = docx.Document()
    document.add_heading(_("After-action sheet"), level=0)
    document.add_paragraph(f"{sheet.scenario} · ×{sheet.speed:g} · {shown(sheet.takes_over)} – {shown(sheet.ended)}")
    if sheet.outbreak:
        document.add_paragraph(_("The largest outbreak: %(what)s, %(size)d infected.") % dict(sheet.outbreak))
    document.add_heading(_("What was to be done"), level=1)
    rows = [
        [str(one.label), shown(one.since), shown(one.done), "–" if one.minutes is None else str(one.minutes),
         judged(one.right), str(one.remark)]
        for one in sheet.steps
    ]  # fmt: skip
    _table(document, [_("Step"), _("Possible from"), _("Done at"), _("Minutes"), _("Right"), _("The truth")], rows)
    document.add_heading(_("Closed by people"), level=1)
    _closures(document, sheet.closed)
    document.add_heading(_("Verified by people"), level=1)
    _closures(document, sheet.verified)
    document.add_heading(_("Limits"), level=1)
    limits = [[code, str(one["met"]), str(one["late"]), str(one["running"])] for code, one in sheet.clocks.items()]
    _table(document, [_("Limit"), _("In time"), _("Late"), _("Running")], limits)
    out = BytesIO()
    document.save(out)
    return out.getvalue()


def shown(moment: datetime | None) -> str:
    """A moment of city time as people write it; a dash for what never came."""
    return "–" if moment is None else moment.astimezone(clock.SHANGHAI).strftime("%Y-%m-%d %H:%M")


def judged(right: bool | None) -> str:  # noqa: FBT001 - a value to show, not a switch
    return "–" if right is None else _("right") if right else _("wrong")


def _closures(document: "docx.document.Document", ones: tuple[Closure, ...]) -> None:
    rows = [[str(one.proposal), shown(one.at), one.because, judged(one.right)] for one in ones]
    _table(document, [_("Proposal"), _("When"), _("Why"), _("Right")], rows)


def _table(document: "docx.document.Document", head: list[str], rows: list[list[str]]) -> None:
    made = document.add_table(rows=1, cols=len(head), style="Table Grid")
    for cell, text in zip(made.rows[0].cells, head, strict=True):
        cell.text = text
    for row in rows:
        for cell, text in zip(made.add_row().cells, row, strict=True):
            cell.text = text
