"""The places a case shares with others of its investigation, each with the question it is a candidate for."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from citywatch.city.trace import whereabouts
from citywatch.city.trace.models import Stay
from citywatch.city.trace.queries.timeline import may_see_records
from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.labels import Label


@dataclass(frozen=True, slots=True)
class SharedPlace:
    """A place of the case: whether it was there while it could be infected, while it could infect, and the others."""

    place_id: int
    name: Label
    where_from: bool
    who_next: bool
    exposed_there: int
    infectious_there: int


def told_with(row: Any) -> whereabouts.Telling:
    """What the cases of a case's investigation told, and the case itself also where it does not count (any more)."""
    told = whereabouts.told_in(row.investigation) if row.investigation_id else whereabouts.Telling((), {})
    if any(one.pk == row.pk for one in told.cases):
        return told
    return whereabouts.Telling(told.cases, {**told.stays, **whereabouts.told_by([row]).stays})


def shared_places(
    viewer: Viewer,
    row: Any,
    *,
    at: datetime,
    told: whereabouts.Telling | None = None,
    known: Mapping[int, Place] | None = None,
) -> tuple[SharedPlace, ...]:
    """Those where another case was too, the most shared first; only told ones for whoever may not see records.

    Counted over the whole investigation, whoever asks: numbers name nobody. `told` is what its cases told and `known`
    are places with those they lie in, where they are in hand.
    """
    if row.investigation_id is None:
        return ()
    told = told or whereabouts.told_in(row.investigation)
    exposed = whereabouts.pairs_in(whereabouts.exposure_windows(row.investigation, told))
    infectious = whereabouts.pairs_in(whereabouts.infectious_windows(row.investigation, at=at, told=told))
    others = [Counter(place for case, place in pairs if case != row.pk) for pairs in (exposed, infectious)]
    own = {place for case, place in exposed | infectious if case == row.pk and others[0][place] + others[1][place]}
    if not may_see_records(viewer, row):
        own_stays = Stay.objects.filter(case=row).values_list("visited_id", "visited__parent_id")
        own &= {place for pair in own_stays for place in pair}
    places = {pk: place for pk in own if (place := (known or {}).get(pk))}
    if len(places) < len(own):
        places |= Place.objects.select_related("parent").in_bulk(own - places.keys())
    found = [
        SharedPlace(
            pk,
            whereabouts.full_name(place),
            (row.pk, pk) in exposed,
            (row.pk, pk) in infectious,
            others[0][pk],
            others[1][pk],
        )
        for pk, place in places.items()
        if place.kind not in whereabouts.AREAS
    ]
    return tuple(sorted(found, key=lambda one: (-one.exposed_there - one.infectious_there, one.place_id)))
