"""Pages of investigations: the list, the dossier, its ranking with what if, risk points."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.trace import queries, rules, services
from citywatch.city.trace.types import RankedPlace
from citywatch.city.trace.views.asked import PER_PAGE, number, numbers, to, told
from citywatch.mechanisms import clock
from citywatch.mechanisms.lifecycle.services import clock_rule


@require_GET
@signed_in("trace.view")
def investigations(request: HttpRequest) -> HttpResponse:
    """The list of investigations, with the numbers a duty officer asks for first."""
    at = clock.now()
    page = Paginator(queries.investigations(viewer_of(request)), PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "trace/investigations.html",
        {
            "page": page,
            "clocks": queries.source_clocks(viewer_of(request)),
            "late_contacts": queries.late_contacts(viewer_of(request), at=at),
            "cases": queries.case_total(viewer_of(request)),
            "waiting": queries.lines(queries.cases_waiting(viewer_of(request)), viewer_of(request), at=at),
            "given": queries.cases_given(viewer_of(request)),
        },
    )


@require_POST
@signed_in("trace.open")
def open_investigation(request: HttpRequest, event_id: int) -> HttpResponse:
    """Open the investigation of a verified event (or go to the one already open)."""
    number = services.open_investigation(event_id, **told(request))
    return to("trace:investigation", number)


@require_GET
@signed_in("trace.view")
def investigation(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """The dossier; its address says which way places are ranked, and which cases and places are left out."""
    viewer, at = viewer_of(request), clock.now()
    read = queries.opened(viewer, investigation_id)
    ranking = queries.what_if(
        viewer,
        investigation_id,
        read=read,
        at=at,
        direction=request.GET.get("direction", "backward"),
        without_cases=numbers(request.GET.getlist("without_case")),
        without_places=numbers(request.GET.getlist("without_place")),
    )
    found = queries.dossier(viewer, investigation_id, at=at, read=read)
    published = {point.place_id for point in found.risk_points}
    shown = {
        "dossier": found,
        "ranking": ranking,
        "toggles": _toggles(request, ranking),
        "directions": rules.DIRECTIONS.items(),
        "least": rules.LEAST_MINUTES,
        "published": published,
        "may_publish": viewer.may_anywhere("trace.publish") and not found.row.is_done,
        "map": queries.map_of(viewer, investigation_id, ranking, published=published, read=read),
        "drawn": queries.drawn(ranking),
        "ranking_chart": _ranking_chart(ranking.lines[:5]),
    }
    if request.headers.get("HX-Target") == "places":
        return render(request, "trace/ranking.html", shown | {"alone": True})
    address = {node.case_id: reverse("trace:case", args=[node.case_id]) for node in found.chains.nodes if node.opens}
    shown |= {
        "may_look_back": viewer.may("trace.open", found.row.place.path) and not found.row.is_done,
        "limit_rule": clock_rule("source-lock"),
        "chain_graph": queries.chain_graph_of(found.chains, address),
    }
    return render(request, "trace/investigation.html", shown)


@require_POST
@signed_in("trace.publish")
def publish(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """Publish a risk point."""
    services.publish_risk_point(
        investigation_id,
        number(request, "place_id"),
        **told(request),
    )
    return to("trace:investigation", investigation_id)


@require_POST
@signed_in("trace.open")
def look_back(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """Change how far back contacts are asked for."""
    services.change_look_back(
        investigation_id,
        number(request, "days"),
        **told(request),
    )
    return to("trace:investigation", investigation_id)


@require_POST
@signed_in("trace.open")
def investigation_move(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """Close an investigation."""
    services.close_investigation(investigation_id, **told(request))
    return to("trace:investigation", investigation_id)


@require_GET
@signed_in("trace.view")
def risk_points(request: HttpRequest) -> HttpResponse:
    """Published risk points with the hours each took."""
    return render(
        request,
        "trace/risk_points.html",
        {
            "points": queries.risk_points(viewer_of(request)),
            "limit_rule": clock_rule("source-lock"),
            "limit": services.limit_hours("source-lock"),
        },
    )


@require_GET
@signed_in("trace.view")
def status(request: HttpRequest) -> HttpResponse:
    """How many people of the city were exposed, by level and day; numbers alone, so the same for whoever may trace."""
    found = queries.city_status(at=clock.now())
    lines = [{"label": label, "people": found.people[level]} for level, label in rules.STATUSES.items()]
    return render(request, "trace/status.html", {"found": found, "status": lines, "days": found.days[::-1]})


def _ranking_chart(lines: Sequence[queries.RankLine]) -> dict[str, Any]:
    places = [(line, line.place) for line in lines if line.rank is not None]
    compared = [(line, place) for line, place in places if isinstance(place, RankedPlace) and place.ratio is not None]

    def figures(values: Iterable[float | None]) -> list[float]:
        return [round(value, 2) for value in values if value is not None]  # where one is known, all three are

    return {
        "names": [str(line.own_name) for line, _ in compared],
        "values": figures(place.ratio for _, place in compared),
        "low": figures(place.ratio_low for _, place in compared),
        "high": figures(place.ratio_high for _, place in compared),
    }


def _toggles(request: HttpRequest, ranking: queries.Ranking) -> dict[str, Any]:
    """For every case and place the address that leaves it out, or takes it in again; an address is all there is."""
    cases, places = {pk for pk, _ in ranking.without_cases}, {pk for pk, _ in ranking.without_places}

    def address(without_cases: set[int], without_places: set[int], direction: str = ranking.direction) -> str:
        said = [] if direction == "backward" else [f"direction={direction}"]
        said += [f"without_case={pk}" for pk in sorted(without_cases)]
        said += [f"without_place={pk}" for pk in sorted(without_places)]
        return f"{request.path}?{'&'.join(said)}" if said else request.path

    return {
        "none": address(set(), set()),
        "directions": {code: address(cases, places, code) for code in rules.DIRECTIONS},
        "cases": {pk: address(cases ^ {pk}, places) for pk, _ in ranking.cases},
        "places": {
            pk: address(cases, places ^ {pk}) for pk in {line.place.place_id for line in ranking.lines} | places
        },
    }
