"""Pages of investigations: the list, the dossier, its ranking with what if, risk points."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from citywatch.city.registry.access import signed_in
from citywatch.city.trace import queries, services
from citywatch.city.trace.views.asked import PER_PAGE, number, numbers, to, viewer_of
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
            "clocks": queries.source_clocks(viewer_of(request))[:3],
            "late_contacts": queries.late_contacts(viewer_of(request), at=at),
            "counts": queries.case_counts(viewer_of(request)),
        },
    )


@require_POST
@signed_in("trace.open")
def open_investigation(request: HttpRequest, event_id: int) -> HttpResponse:
    """Open the investigation of a verified event (or go to the one already open)."""
    number = services.open_investigation(
        event_id, by=viewer_of(request), at=clock.now(), because=request.POST.get("because", "")
    )
    return to("trace:investigation", number)


@require_GET
@signed_in("trace.view")
def investigation(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """The dossier; `without_case` and `without_place` in its address leave those out of the ranking."""
    viewer = viewer_of(request)
    ranking = queries.what_if(
        viewer,
        investigation_id,
        without_cases=numbers(request.GET.getlist("without_case")),
        without_places=numbers(request.GET.getlist("without_place")),
    )
    found = queries.dossier(viewer, investigation_id, at=clock.now())
    shown = {
        "dossier": found,
        "ranking": ranking,
        "toggles": _toggles(request, ranking),
        "published": {point.place_id for point in found.risk_points},
        "may_publish": viewer.may_anywhere("trace.publish") and not found.row.is_done,
        "map": queries.map_of(viewer, found, ranking.places),
        "ranking_chart": _ranking_chart(ranking.lines[:5]),
    }
    if request.headers.get("HX-Target") == "places":
        return render(request, "trace/ranking.html", shown)
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
        by=viewer_of(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    return to("trace:investigation", investigation_id)


@require_POST
@signed_in("trace.open")
def look_back(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """Change how far back contacts are asked for."""
    services.change_look_back(
        investigation_id,
        number(request, "days"),
        by=viewer_of(request),
        at=clock.now(),
        because=request.POST.get("because", ""),
    )
    return to("trace:investigation", investigation_id)


@require_POST
@signed_in("trace.open")
def investigation_move(request: HttpRequest, investigation_id: int) -> HttpResponse:
    """Close an investigation."""
    services.close_investigation(
        investigation_id, by=viewer_of(request), at=clock.now(), because=request.POST.get("because", "")
    )
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


def _ranking_chart(lines: Sequence[queries.RankLine]) -> dict[str, Any]:
    compared = [line for line in lines if line.rank is not None and line.place.ratio is not None]

    def figures(values: Iterable[float | None]) -> list[float]:
        return [round(value, 2) for value in values if value is not None]  # where one is known, all three are

    return {
        "names": [str(line.own_name) for line in compared],
        "values": figures(line.place.ratio for line in compared),
        "low": figures(line.place.ratio_low for line in compared),
        "high": figures(line.place.ratio_high for line in compared),
    }


def _toggles(request: HttpRequest, ranking: queries.Ranking) -> dict[str, dict[int, str]]:
    """For every case and place the address that leaves it out, or takes it in again; an address is all there is."""
    cases, places = {pk for pk, _ in ranking.without_cases}, {pk for pk, _ in ranking.without_places}

    def address(without_cases: set[int], without_places: set[int]) -> str:
        said = [f"without_case={pk}" for pk in sorted(without_cases)]
        said += [f"without_place={pk}" for pk in sorted(without_places)]
        return f"{request.path}?{'&'.join(said)}" if said else request.path

    return {
        "cases": {pk: address(cases ^ {pk}, places) for pk, _ in ranking.cases},
        "places": {
            pk: address(cases, places ^ {pk}) for pk in {line.place.place_id for line in ranking.lines} | places
        },
    }
