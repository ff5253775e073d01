"""The duty desk's pages: the inbox, a proposal with its grounds, a verified event."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_GET, require_POST

from citywatch.city.registry.access import signed_in
from citywatch.city.warn import queries, rules, services
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.types import Viewer

_SEE_OTHER = 303
_KEYS = {"close": "c", "watch": "w", "verify": "v"}


@require_GET
@signed_in("warn.view")
def inbox(request: HttpRequest) -> HttpResponse:
    """Proposals, what hurts first."""
    viewer = _viewer(request)
    at = clock.now()
    state = request.GET.get("state", "open")
    level = request.GET.get("level", "")
    shown = queries.inbox(viewer, at=at, state=state, level=level, page=_number(request.GET.get("page"), 1))
    if failed := queries.failed_reactions(viewer):
        messages.error(request, str(failed))
    context = {
        "inbox": shown,
        "state": state if state in queries.STATES else "open",
        "states": _states(),
        "level": level,
        "levels": tuple(reversed(rules.LEVELS)),
        "run": queries.last_run(viewer),
        "reasons": _reasons(viewer),
        "keys": _KEYS,
        "rules": queries.rule_texts(clock.day_of(at)),
        "may_triage": viewer.may_anywhere("warn.triage"),
    }
    return render(request, "warn/inbox.html", context)


@require_GET
@signed_in("warn.view")
def proposal(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """One proposal with its baseline, sites, signals and history."""
    viewer = _viewer(request)
    at = clock.now()
    signal_id = _number(request.GET.get("signal"), 0)
    page = queries.proposal_page(viewer, proposal_id, at=at, signal_id=signal_id)
    context = {
        "page": page,
        "reasons": _reasons(viewer),
        "keys": _KEYS,
        "rules": queries.rule_texts(page.facts.opened_at.astimezone(clock.SHANGHAI).date()),
    }
    return render(request, "warn/proposal.html", context)


@require_POST
@signed_in("warn.triage")
def act(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """Answer one proposal; a verified one leads on to its event."""
    move = request.POST.get("move", "")
    event_id = services.answer(move, proposal_id, by=_viewer(request), at=clock.now(), because=_because(request))
    if event_id is not None:
        messages.success(request, gettext("Verified; the event is open."))
        return _to("warn:event", event_id)
    messages.success(request, gettext("Closed.") if move == "close" else gettext("Kept on watch."))
    return _to("warn:inbox")


@require_POST
@signed_in("warn.triage")
def bulk(request: HttpRequest) -> HttpResponse:
    """Close every marked proposal for one reason."""
    ids = [_number(given, 0) for given in request.POST.getlist("proposal")]
    number = services.close_many(ids, by=_viewer(request), at=clock.now(), because=_because(request))
    messages.success(request, gettext("%(number)d proposals closed.") % {"number": number})
    return _to("warn:inbox")


@require_GET
@signed_in("warn.view")
def events(request: HttpRequest) -> HttpResponse:
    """Verified events, newest first."""
    number = max(1, _number(request.GET.get("page"), 1))
    rows, pages = queries.events(_viewer(request), page=number)
    return render(request, "warn/events.html", {"events": rows, "number": min(number, pages), "pages": pages})


@require_GET
@signed_in("warn.view")
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """One event: publish it, investigate it, manage it."""
    page = queries.event_page(_viewer(request), event_id)
    return render(request, "warn/event.html", {"page": page, "levels": tuple(reversed(rules.LEVELS))})


@require_POST
@signed_in("warn.publish")
def publish(request: HttpRequest, event_id: int) -> HttpResponse:
    """Publish an alert about an event."""
    services.publish_alert(
        event_id,
        level=request.POST.get("level", ""),
        by=_viewer(request),
        at=clock.now(),
        because=_because(request),
    )
    messages.success(request, gettext("Alert published."))
    return _to("warn:event", event_id)


@require_POST
@signed_in("warn.publish")
def end(request: HttpRequest, event_id: int) -> HttpResponse:
    """Say that an event is over."""
    services.end_event(event_id, by=_viewer(request), at=clock.now(), because=_because(request))
    messages.success(request, gettext("Event ended."))
    return _to("warn:event", event_id)


def _viewer(request: HttpRequest) -> Viewer:
    viewer: Viewer = request.viewer  # type: ignore[attr-defined]
    return viewer


def _because(request: HttpRequest) -> str:
    """A remembered reason (the button pressed) or the text written beside it."""
    return (request.POST.get("quick") or request.POST.get("because") or "").strip()


def _reasons(viewer: Viewer) -> dict[str, list[str]]:
    language = get_language() or "zh"
    return {move: queries.remembered_reasons(viewer, move, language=language) for move in rules.REASONS}


def _states() -> list[tuple[str, str]]:
    words = {"open": gettext("Open"), "all": gettext("All")}
    return [(state, words.get(state) or str(rules.PROPOSAL.states[state])) for state in queries.STATES]


def _number(text: str | None, otherwise: int) -> int:
    if text is None or not text:
        return otherwise
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise Refusal(f"{text[:20]!r} is not a number; use the links of the page.", zh="编号无效；请使用页面上的链接。")
    return int(text)


def _to(name: str, *args: int) -> HttpResponseRedirect:
    response = HttpResponseRedirect(reverse(name, args=args))
    response.status_code = _SEE_OTHER
    return response
