"""Pages of warning beside the inbox: a proposal with its grounds, an event, who watches what, and feedback."""

from datetime import date

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_GET, require_POST

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.warn import decisions, queries, rules, services
from citywatch.city.warn import feedback as feedbacks
from citywatch.city.warn.asked import KEYS, because_of, number_of, reasons_of, see_other
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal


@require_GET
@signed_in("warn.view")
def proposal(request: HttpRequest, proposal_id: int) -> HttpResponse:
    """One proposal with its baseline, sites, signals and history."""
    viewer = viewer_of(request)
    signal_id = number_of(request.GET.get("signal"), 0)
    page = queries.proposal_page(viewer, proposal_id, at=clock.now(), signal_id=signal_id)
    context = {
        "page": page,
        "reasons": reasons_of(viewer),
        "keys": KEYS,
        "rules": queries.rule_texts(page.facts.opened_at.astimezone(clock.SHANGHAI).date()),
    }
    return render(request, "warn/proposal.html", context)


@require_GET
@signed_in("warn.view")
def feedback(request: HttpRequest) -> HttpResponse:
    """What the desk's answers say about detection: precision, load, answer times, silent sources."""
    weeks = number_of(request.GET.get("weeks"), 4)
    found = feedbacks.feedback(viewer_of(request), at=clock.now(), weeks=weeks)
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
    viewer, at = viewer_of(request), clock.now()
    told = decisions.history(viewer, at=at)
    context = {
        "lines": decisions.lines(viewer, at=at, told=told),
        "decisions": told,
        "rules": queries.rule_texts(clock.day_of(at)),
        "may_set": viewer.may_anywhere(decisions.SET),
    }
    return render(request, "warn/detectors.html", context)


@require_GET
@signed_in("warn.set_detectors")
def detector(request: HttpRequest, detector: str) -> HttpResponse:
    """Choose another method or other settings for a detector, and see what they would have changed; stores nothing."""
    viewer, at = viewer_of(request), clock.now()
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
        by=viewer_of(request),
        at=clock.now(),
        because=because_of(request),
    )
    messages.success(request, gettext("Decided and journaled."))
    return see_other("warn:detectors")


@require_GET
@signed_in("warn.view")
def events(request: HttpRequest) -> HttpResponse:
    """Verified events, newest first."""
    number = max(1, number_of(request.GET.get("page"), 1))
    rows, pages = queries.events(viewer_of(request), page=number)
    return render(request, "warn/events.html", {"events": rows, "number": min(number, pages), "pages": pages})


@require_GET
@signed_in("warn.view")
def event(request: HttpRequest, event_id: int) -> HttpResponse:
    """One event: publish it, investigate it, manage it."""
    page = queries.event_page(viewer_of(request), event_id)
    return render(request, "warn/event.html", {"page": page, "levels": tuple(reversed(rules.LEVELS))})


@require_POST
@signed_in("warn.publish")
def publish(request: HttpRequest, event_id: int) -> HttpResponse:
    """Publish an alert about an event."""
    services.publish_alert(
        event_id,
        level=request.POST.get("level", ""),
        by=viewer_of(request),
        at=clock.now(),
        because=because_of(request),
    )
    messages.success(request, gettext("Alert published."))
    return see_other("warn:event", event_id)


@require_POST
@signed_in("warn.publish")
def end(request: HttpRequest, event_id: int) -> HttpResponse:
    """Say that an event is over."""
    services.end_event(event_id, by=viewer_of(request), at=clock.now(), because=because_of(request))
    messages.success(request, gettext("Event ended."))
    return see_other("warn:event", event_id)


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
