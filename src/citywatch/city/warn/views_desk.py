"""The duty desk's inbox: lines, answers to one or many, taking back, saved views, and what is new while one works.

Everything works as plain forms; with scripts the answers come back in place, so that a desk with 300 lines is worked
without leaving the keyboard.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.views.decorators.http import require_GET, require_POST

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import districts
from citywatch.city.warn import desk, queries, rules, services, triage
from citywatch.city.warn.asked import KEYS, because_of, number_of, reasons_of, see_other
from citywatch.city.warn.types import Sought
from citywatch.mechanisms import clock
from citywatch.mechanisms.jurisdiction.types import Viewer

LOOK_EVERY = 3.0  # seconds between two looks of a live desk
LOOKS = 100  # then the browser asks anew, and is asked who it is


@require_GET
@signed_in("warn.view")
def inbox(request: HttpRequest) -> HttpResponse:
    """Proposals, what hurts first."""
    viewer = viewer_of(request)
    context = _lines(request, viewer)
    if getattr(request, "htmx", False):
        return render(request, "warn/desk_lines.html", context)
    for words in queries.troubles(viewer):
        messages.warning(request, str(words))
    on = clock.day_of(clock.now())
    context |= {
        "kept": Sought.read(request.GET).query().items(),
        "states": _states(),
        "levels": tuple(reversed(rules.LEVELS)),
        "districts": districts(),
        "hazards": desk.hazards_open(context["inbox"].open_by_hazard, on=on),
        "streams": [(code, str(words)) for code, words in rules.STREAM_WORDS.items()],
        "views": [(view, view.query == context["query"]) for view in desk.views_of(viewer)],
        "run": queries.last_run(viewer),
        "reasons": reasons_of(viewer),
        "moves": [(move, rules.PROPOSAL.move(move).label) for move in KEYS],
        "keys": KEYS,
        "rules": queries.rule_texts(on),
    }
    return render(request, "warn/inbox.html", context)


@require_GET
@signed_in("warn.view")
def glance(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """What stands beside the inbox for the line one is at."""
    return render(
        request,
        "warn/glance.html",
        {"glance": queries.glance(viewer_of(request), proposal_id, at=clock.now())},
    )


@require_POST
@signed_in("warn.triage")
def answer(request: HttpRequest) -> HttpResponse:
    """Answer every marked proposal, or else the one a person is at; a verified one leads on to its event."""
    move, viewer, at, because = request.POST.get("move", ""), viewer_of(request), clock.now(), because_of(request)
    current = number_of(request.POST.get("current"), 0)
    marked = [number_of(given, 0) for given in request.POST.getlist("proposal")] or [current] * bool(current)
    if move == "verify" and len(marked) == 1:
        event_id = services.verify(marked[0], by=viewer, at=at, because=because)
        messages.success(request, gettext("Verified; the event is open."))
        if getattr(request, "htmx", False):
            return HttpResponse(headers={"HX-Redirect": reverse("warn:event", args=[event_id])})
        return see_other("warn:event", event_id)
    undo: list[int] = []
    if move == "merge":
        undo = [current or marked[0]]
        number = triage.merge_into(undo[0], marked, by=viewer, at=at, because=because)
        said = ngettext("%(n)d proposal merged.", "%(n)d proposals merged.", number) % {"n": number}
    else:
        number, undo = triage.answer_many(move, marked, by=viewer, at=at, because=because), marked
        said = (
            ngettext("%(n)d proposal closed: %(because)s", "%(n)d proposals closed: %(because)s", number)
            if move == "close"
            else ngettext("%(n)d proposal on watch: %(because)s", "%(n)d proposals on watch: %(because)s", number)
        ) % {"n": number, "because": because}
    return _said(request, said, undo=undo)


@require_POST
@signed_in("warn.triage")
def undo(request: HttpRequest) -> HttpResponse:
    """Take one's last answer back."""
    marked = [number_of(given, 0) for given in request.POST.getlist("proposal")]
    number = triage.undo(marked, by=viewer_of(request), at=clock.now())
    return _said(request, ngettext("%(n)d answer taken back.", "%(n)d answers taken back.", number) % {"n": number})


@require_POST
@signed_in("warn.triage")
def act(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """Answer one proposal from its own page; a verified one leads on to its event."""
    move = request.POST.get("move", "")
    event_id = services.answer(move, proposal_id, by=viewer_of(request), at=clock.now(), because=because_of(request))
    if event_id is not None:
        messages.success(request, gettext("Verified; the event is open."))
        return see_other("warn:event", event_id)
    messages.success(request, gettext("Closed.") if move == "close" else gettext("Kept on watch."))
    return see_other("warn:inbox")


@require_POST
@signed_in("warn.view")
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the present filters under a name."""
    query = urlencode(Sought.read(request.POST).query())
    desk.save_view(request.POST.get("name", ""), query, by=viewer_of(request), at=clock.now())
    messages.success(request, gettext("View saved."))
    return see_other("warn:inbox", query=query)


@require_POST
@signed_in("warn.view")
def delete_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Delete a saved view."""
    desk.delete_view(view_id, by=viewer_of(request), at=clock.now())
    messages.success(request, gettext("View deleted."))
    return see_other("warn:inbox")


@require_GET
@signed_in("warn.view")
def live(request: HttpRequest) -> StreamingHttpResponse:
    """Tell a desk that is open what is newest, whenever that changes (server-sent events)."""
    answer = StreamingHttpResponse(told(viewer_of(request)), content_type="text/event-stream")
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Accel-Buffering"] = "no"
    return answer


async def told(viewer: Viewer, *, every: float = LOOK_EVERY, looks: int = LOOKS) -> AsyncIterator[str]:
    """The number of the newest proposal, as server-sent events; a comment says "still here"."""
    before = None
    for _ in range(looks):
        now = await sync_to_async(_newest, thread_sensitive=False)(viewer)
        if now == before:
            yield ": still here\n\n"
        else:
            yield f"event: desk\ndata: {json.dumps({'newest': now})}\n\n"
        before = now
        await asyncio.sleep(every)


def _newest(viewer: Viewer) -> int:
    try:
        return desk.newest(viewer)
    finally:
        connection.close()  # this thread has one of its own, and nobody else would give it back


def _lines(request: HttpRequest, viewer: Viewer) -> dict[str, Any]:
    """What the list of lines prints: also after an answer, by the address the list was asked for with."""
    sought = Sought.read(request.GET)
    page = number_of(request.GET.get("page"), 1)
    found = desk.inbox(viewer, sought, at=clock.now(), page=page)
    return {
        "inbox": found,
        "sought": sought,
        "query": urlencode(sought.query()),
        "map": found.map,
        "newest": desk.newest(viewer),
        "may_triage": viewer.may_anywhere("warn.triage"),
    }


def _said(request: HttpRequest, said: str, *, undo: list[int] | None = None) -> HttpResponse:
    """The list as it is now with what was done, in place; or the whole page where there are no scripts."""
    if getattr(request, "htmx", False):
        context = _lines(request, viewer_of(request)) | {"said": said, "undo": undo or []}
        return render(request, "warn/desk_lines.html", context)
    messages.success(request, said)
    return see_other("warn:inbox", query=request.GET.urlencode())


def _states() -> list[tuple[str, str]]:
    words = {"open": gettext("Open"), "all": gettext("All")}
    return [(state, words.get(state) or str(rules.PROPOSAL.states[state])) for state in desk.STATES]
