"""Somebody's list of places, in the words of the registry."""

from collections.abc import Mapping

from citywatch.city.registry import reference
from citywatch.city.registry.services import NewSite
from citywatch.interop.tables.read import Table
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.models import Place

NEEDED = ("code", "parent_code", "kind", "name_zh")
ABOVE = {"city", "district", "street"}
FLAGS = ("fever_clinic", "emergency", "sentinel")
_LON, _LAT = (73.0, 136.0), (3.0, 54.0)  # the country's bounding box: a swapped pair falls outside


def sites(table: Table) -> list[NewSite]:
    """The rows of a list of places. Raises Refusal at the first cell that cannot be used, saying which."""
    for name in NEEDED:
        table.position(name)
    table.refuse_problems()
    kinds = sorted(set(Place.Kind.values) - ABOVE)
    institutions = {one.code for one in reference.institution_kinds()}
    return [_site(f"{table.name} row {number}", cells, kinds, institutions) for number, cells in table.records()]


def _site(where: str, cells: Mapping[str, str], kinds: list[str], institutions: set[str]) -> NewSite:
    for name in NEEDED:
        if not cells[name]:
            raise Refusal(f"{where} column {name}: empty; every place needs its {name}.")
    if cells["kind"] not in kinds:
        raise Refusal(f"{where} column kind: {cells['kind']!r} is no kind of place; use one of {', '.join(kinds)}.")
    institution = cells.get("institution_kind", "")
    if bool(institution) != (cells["kind"] == "institution") and institution != cells["kind"]:
        raise Refusal(
            f"{where} column institution_kind: {institution!r} for a {cells['kind']}; an institution has one, of other "
            "places only a school that reports."
        )
    if institution and institution not in institutions:
        known = ", ".join(sorted(institutions))
        raise Refusal(f"{where} column institution_kind: {institution!r} is not known; use one of {known}.")
    flags = _several(cells.get("flags", ""))
    unknown = [flag for flag in flags if flag not in FLAGS]
    if unknown:
        raise Refusal(f"{where} column flags: {unknown[0]!r} is not known; use {', '.join(FLAGS)}, joined by ;.")
    lon, lat = (_degrees(where, name, cells.get(name, ""), *span) for name, span in (("lon", _LON), ("lat", _LAT)))
    return NewSite(
        code=cells["code"],
        parent_code=cells["parent_code"],
        kind=cells["kind"],
        name_zh=cells["name_zh"],
        name_en=cells.get("name_en", "") or cells["name_zh"],
        lon=lon,
        lat=lat,
        institution_kind=institution,
        streams=_several(cells.get("streams", "")),
        fever_clinic="fever_clinic" in flags,
        emergency="emergency" in flags,
        sentinel="sentinel" in flags,
    )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in cell.split(";") if word.strip())


def _degrees(where: str, name: str, text: str, low: float, high: float) -> float | None:
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise Refusal(
            f"{where} column {name}: {text!r} is not between {low:g} and {high:g} degrees (WGS 84); correct it."
        )
    return value
