"""The laboratory's lists over the API; results come in as rows of the form `lab-result`."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from citywatch.city.lab import queries
from citywatch.mechanisms import clock
from citywatch.server.api.asking import asker

router = Router(tags=["lab"])


class WaitingOut(Schema):
    """A sample that waits for its result, with the end of its six hours."""

    barcode: str
    place_code: str
    state: str
    ordered_at: datetime
    due_at: datetime | None
    late: bool


class ResultOut(Schema):
    """A result as it was last reported."""

    barcode: str
    place_code: str
    lab_code: str
    state: str
    resulted_at: datetime
    ct_orf1ab: float | None
    ct_n: float | None


class LooseEndOut(Schema):
    """A result or an order that fits no other and waits for a person."""

    kind: str
    barcode: str
    result: str
    at: datetime
    what_zh: str
    what_en: str


@router.get("/samples", response=list[WaitingOut], summary="Samples that wait")
def samples(request: HttpRequest) -> list[WaitingOut]:
    """List the samples without a final result, the longest waiting first."""
    now = clock.now()
    return [
        WaitingOut(
            barcode=row.barcode,
            place_code=row.place.code,
            state=row.state,
            ordered_at=row.ordered_at,
            due_at=running.due_at if running else None,
            late=bool(running and running.is_late(now)),
        )
        for row, running in queries.waiting(asker(request, "lab.view"))
    ]


@router.get("/results", response=list[ResultOut], summary="The last results")
def results(request: HttpRequest) -> list[ResultOut]:
    """List the results recorded last."""
    return [
        ResultOut(
            barcode=row.barcode,
            place_code=row.place.code,
            lab_code=row.lab_place.code if row.lab_place else "",
            state=row.state,
            resulted_at=row.resulted_at,
            ct_orf1ab=row.ct_orf1ab,
            ct_n=row.ct_n,
        )
        for row in queries.latest(asker(request, "lab.view"))
        if row.resulted_at
    ]


@router.get("/loose-ends", response=list[LooseEndOut], summary="Results that fit no order")
def loose_ends(request: HttpRequest) -> list[LooseEndOut]:
    """List what somebody must settle by hand."""
    return [
        LooseEndOut(
            kind=one.kind, barcode=one.barcode, result=one.result, at=one.at, what_zh=one.what.zh, what_en=one.what.en
        )
        for one in queries.loose_ends(asker(request, "lab.view"))
    ]
