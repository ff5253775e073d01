"""Everything a drill's system hands out says that it is an exercise: pages, documents and every other file.

All of it passes this one door, so no page and no export can forget the mark.
"""

from collections.abc import Callable
from io import BytesIO
from urllib.parse import quote

import docx
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.shared import Pt, RGBColor

from citywatch.mechanisms.labels import Label

MARK = Label("演练", "EXERCISE")
BOTH = f"{MARK.zh} {MARK.en}"
HEADER = "X-CityWatch-Exercise"
_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


def marked(answer: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """In a drill, mark every answer; anywhere else do nothing at all."""

    def ask(request: HttpRequest) -> HttpResponse:
        response = answer(request)
        return mark(response) if settings.DRILL else response

    return ask


def mark(response: HttpResponse) -> HttpResponse:
    """A header on every answer, words across every page, the mark in every file's name and on every Word page."""
    response[HEADER] = MARK.en
    if response.get("Content-Type", "").startswith("text/html") and not response.streaming:
        _mark_page(response)
    disposition = response.get("Content-Disposition", "")
    if "filename" not in disposition:
        return response
    name = disposition.partition("filename=")[2].strip().strip('"').partition('"')[0]
    if name:
        spelt = quote(f"{MARK.zh}-{MARK.en}-{name}")
        response["Content-Disposition"] = f"attachment; filename=\"{MARK.en}-{name}\"; filename*=UTF-8''{spelt}"
    if response.get("Content-Type", "").startswith(_DOCX) and not response.streaming:
        response.content = marked_document(response.content)
        if response.has_header("Content-Length"):
            response["Content-Length"] = str(len(response.content))
    return response


def _mark_page(response: HttpResponse) -> None:
    """Put the words right after the opening of the body; parts of pages have none, and stand in a marked one."""
    page = response.content
    opening = page.find(b"<body")
    inside = page.find(b">", opening) + 1
    if opening < 0 or not inside:
        return
    words = render_to_string("partials/exercise.html").encode()
    response.content = page[:inside] + words + page[inside:]
    if response.has_header("Content-Length"):
        response["Content-Length"] = str(len(response.content))


def marked_document(content: bytes) -> bytes:
    """A Word document with the mark in the header of every section."""
    document = docx.Document(BytesIO(content))
    for section in document.sections:
        paragraph = section.header.paragraphs[0] if section.header.paragraphs else section.header.add_paragraph()
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
        run = paragraph.add_run(BOTH)
        run.bold, run.font.size, run.font.color.rgb = True, Pt(22), RGBColor(0xB5, 0x44, 0x3A)
    out = BytesIO()
    document.save(out)
    return out.getvalue()
