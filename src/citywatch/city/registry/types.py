"""Frozen values that cross from the registry to other areas."""

from dataclasses import dataclass

from citywatch.mechanisms.labels import Label


@dataclass(frozen=True, slots=True)
class PlaceFacts:
    """A place with the street and district it lies in (0 and "" where it has none)."""

    id: int
    code: str
    kind: str
    name: Label
    street_id: int
    street_code: str
    district_id: int
    district_code: str
    lon: float | None
    lat: float | None
    path: str


@dataclass(frozen=True, slots=True)
class InstitutionFacts:
    """A reporting institution with its place and the streams it must send."""

    place: PlaceFacts
    kind: str
    streams: tuple[str, ...]
    fever_clinic: bool
    sentinel: bool
