"""The desk's pages: the inbox, a proposal with its grounds, a verified event, who watches what, and feedback."""

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, gettext
from django.views.decorators.http import require_GET, require_POST

from citywatch.city.registry.access import signed_in
from citywatch.city.warn import decisions, queries, rules, services
from citywatch.city.warn import feedback as feedbacks
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
        "standing": queries.standing(viewer, proposal_id, at=at),
        "reasons": _reasons(viewer),
        "keys": _KEYS,
        "rules": queries.rule_texts(page.facts.opened_at.astimezone(clock.SHANGHAI).date()),
    }
    return render(request, "warn/proposal.html", context)


@require_GET
@signed_in("warn.view")
def feedback(request: HttpRequest) -> HttpResponse:
    """What the desk's answers say about detection: precision, load, answer times, silent sources."""
    weeks = _number(request.GET.get("weeks"), 4)
    found = feedbacks.feedback(_viewer(request), at=clock.now(), weeks=weeks)
    series = [
        {
            "name": str(rules.PROPOSAL.states[state]),
            "values": [None if states is None else states[state] for _, states in found.by_week],
        }
        for state in feedbacks.VERDICTS
    ]
    context = {
        "found": found,
        "periods": list(feedbacks.PERIODS.items()),
        "curve": {"days": [day.isoformat() for day, _ in found.by_week], "series": series},
    }
    return render(request, "warn/feedback.html", context)


@require_GET
@signed_in("warn.view")
def detectors(request: HttpRequest) -> HttpResponse:
    """Which method watches which series, with which settings, since when and by whose decision."""
    viewer, at = _viewer(request), clock.now()
    context = {
        "lines": decisions.lines(viewer, at=at),
        "decisions": decisions.history(viewer, at=at),
        "rules": queries.rule_texts(clock.day_of(at)),
        "may_set": viewer.may_anywhere(decisions.SET),
    }
    return render(request, "warn/detectors.html", context)


@require_GET
@signed_in("warn.set_detectors")
def detector(request: HttpRequest, detector: str) -> HttpResponse:
    """Choose another method or other settings for a detector, and see what they would have changed; stores nothing."""
    viewer, at = _viewer(request), clock.now()
    line = decisions.line_on(detector, at=at)
    asked = request.GET
    told = {name.removeprefix("s-"): str(text) for name, text in asked.items() if name.startswith("s-")}
    enabled = asked.get("on", "1" if line.enabled else "0") != "0"
    first_look = "do" not in asked
    if first_look:
        choice = decisions.as_it_stands(line)
    else:
        # Another method's settings are not this one's: after choosing it, they start as published.
        method = asked.get("method", "")
        kept = told if asked["do"] == "try" or method == line.detector.method else {}
        choice = decisions.choose(detector, method, kept, enabled=enabled, at=at)
    run = decisions.simulate(choice, by=viewer, at=at) if asked.get("do") == "try" else None
    context = {
        "line": line,
        "chosen": choice.method,
        "enabled": choice.enabled,
        "methods": line.methods,
        "fields": decisions.fields(choice),
        "method": decisions.described(choice.method),
        "proposed": decisions.setting_words(choice.method, choice.settings),
        "run": run,
        "weeks": _weeks(run) if run else {},
        "today": clock.day_of(at),
    }
    return render(request, "warn/detector.html", context)


@require_POST
@signed_in("warn.set_detectors")
def decide(request: HttpRequest, detector: str) -> HttpResponse:
    """Put a change that was tried on the past in force from a day on."""
    decisions.decide(
        request.POST.get("sealed", ""),
        detector=detector,
        valid_from=_day(request.POST.get("valid_from", "")),
        by=_viewer(request),
        at=clock.now(),
        because=_because(request),
    )
    messages.success(request, gettext("Decided and journaled."))
    return _to("warn:detectors")


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


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refusal(f"{text[:20]!r} is no day; write it as 2020-06-11.", zh="日期无效；请写成2020-06-11。") from None


def _weeks(run: decisions.DryRun) -> dict[str, object]:
    """The dry run's weeks for the chart."""
    series = {
        gettext("as it is"): [one.now for one in run.by_week],
        gettext("as it would have been"): [one.then for one in run.by_week],
        gettext("gained"): [one.gained for one in run.by_week],
        gettext("lost"): [one.lost for one in run.by_week],
    }
    return {
        "days": [one.day.isoformat() for one in run.by_week if one.day],
        "series": [{"name": name, "values": values} for name, values in series.items()],
    }


def _to(name: str, *args: int) -> HttpResponseRedirect:
    response = HttpResponseRedirect(reverse(name, args=args))
    response.status_code = _SEE_OTHER
    return response
