"""The pages for everybody: released by the press office once a day, then files that anybody's web server can hand out.

Who reads them asks no database: a release writes a folder of plain HTML without scripts, and this door, or another
machine that has nothing but a copy of the folder, serves it. Nothing about a person can be asked of it.
"""

import hashlib
import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.staticfiles import finders
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import path
from django.utils import translation
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext
from django.views.decorators.http import condition, require_POST, require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import city_place
from citywatch.city.report import queries, rules
from citywatch.city.report.release import GUIDANCE, Released, held_back, numbers
from citywatch.city.report.types import PressSheet
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotFound, Refusal
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.server.plain import FILES, FRESH, LANGUAGES, PAGES

_KEPT = "released.json"


def folder() -> Path:
    """Where the released files lie."""
    return Path(settings.HOME) / "public"


@require_POST
@signed_in("report.press")
def publish(request: HttpRequest) -> HttpResponse:
    """Release today's figures; said back on the press page."""
    release(by=viewer_of(request))
    messages.success(request, gettext("Released. The public pages show these figures now."))
    return redirect("report:press")


@transaction.atomic
def release(*, by: Viewer) -> PressSheet:
    """Write the public pages as of now, and journal it. Refuses a second release on one city day.

    Two releases a few hours apart would tell single cases to whoever subtracts them.
    """
    city, at = city_place(), clock.now()
    must(by, "report.press", city)
    last = _last()
    if last and last["day"] == clock.day_of(at).isoformat():
        raise Refusal(
            "Today's release is out; the next can be made tomorrow, because two a day would tell single cases.",
            zh="今日数据已发布；为避免由两次发布的差值推算出个别病例，下一次须明日发布。",
        )
    before = Released(tuple(last["totals"]), last["districts"]) if last else None
    people = [rule.people for code in rules.PUBLIC for rule in rules.FIGURES if rule.code == code]
    sheet = held_back(queries.press_sheet(by), before, people=people)
    files = _drawn(sheet)
    digest = hashlib.sha256(b"".join(files[name] for name in sorted(files))).hexdigest()
    journal.record("report.released", place=city, by=by, at=at, digest=digest)
    said = numbers(sheet)
    kept = {"day": clock.day_of(at).isoformat(), "totals": said.totals, "districts": said.districts, "digest": digest}
    for name, content in {**files, _KEPT: json.dumps(kept, ensure_ascii=False).encode()}.items():
        _put(folder() / name, content)
    return sheet


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """To the situation, in the reader's language."""
    language = "en" if translation.get_language_from_request(request).startswith("en") else "zh"
    return redirect("public:file", name=f"{language}/situation.html")


def _etag(_request: HttpRequest, name: str) -> str | None:
    file = folder() / name
    return f'"{hashlib.sha256(file.read_bytes()).hexdigest()[:32]}"' if name in FILES and file.exists() else None


@require_safe
@condition(etag_func=_etag)
def file(_request: HttpRequest, name: str) -> HttpResponseBase:
    """One released file, to be kept by whoever passes it on."""
    if name not in FILES or not (folder() / name).exists():
        raise NotFound("Nothing has been published here yet.", zh="此处尚未发布内容。")
    kind = "text/css" if name.endswith(".css") else "text/html"
    answer = HttpResponse((folder() / name).read_bytes(), content_type=f"{kind}; charset=utf-8")
    patch_cache_control(answer, public=True, max_age=FRESH)
    return answer


def _drawn(sheet: PressSheet) -> dict[str, bytes]:
    files = {"public.css": Path(str(finders.find("citywatch/css/public.css"))).read_bytes()}
    for language, code in LANGUAGES.items():
        with translation.override(code):
            for page in PAGES:
                context: dict[str, Any] = {"sheet": sheet, "page": page, "guidance": GUIDANCE, "language": language}
                context |= {"other": "zh" if language == "en" else "en", "demo": settings.DEMO}
                drawn = render_to_string(f"public/{page.replace('-', '_')}.html", context)
                files[f"{language}/{page}.html"] = drawn.encode()
    return files


def _last() -> dict[str, Any] | None:
    kept = folder() / _KEPT
    return json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else None


def _put(file: Path, content: bytes) -> None:
    """Whole or not at all: a reader never meets half a page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(f".{secrets.token_hex(4)}")
    fresh.write_bytes(content)
    os.replace(fresh, file)  # noqa: PTH105


urlpatterns = [
    path("", home, name="home"),
    path("publish/", publish, name="publish"),
    path("<path:name>", file, name="file"),
]
