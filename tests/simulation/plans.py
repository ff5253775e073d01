"""A plan of sixteen districts, two streets each, with census shares; positions roughly those of Beijing's districts."""

from __future__ import annotations

from citywatch.simulation.places import CityPlan, StreetPlan

_DISTRICTS = (
    ("110101", "东城", 116.42, 39.93, 708_829),
    ("110102", "西城", 116.36, 39.91, 1_106_214),
    ("110105", "朝阳", 116.48, 39.95, 3_452_460),
    ("110106", "丰台", 116.28, 39.85, 2_019_764),
    ("110107", "石景山", 116.18, 39.91, 567_851),
    ("110108", "海淀", 116.29, 39.99, 3_133_469),
    ("110109", "门头沟", 116.09, 39.94, 392_606),
    ("110111", "房山", 116.13, 39.75, 1_312_778),
    ("110112", "通州", 116.66, 39.91, 1_840_295),
    ("110113", "顺义", 116.65, 40.13, 1_324_044),
    ("110114", "昌平", 116.23, 40.22, 2_269_487),
    ("110115", "大兴", 116.34, 39.73, 1_993_591),
    ("110116", "怀柔", 116.63, 40.32, 441_040),
    ("110117", "平谷", 117.12, 40.14, 457_313),
    ("110118", "密云", 116.84, 40.38, 527_683),
    ("110119", "延庆", 115.97, 40.46, 345_671),
)
MARKET_STREET = "110106024"


def demo_plan(*, people: int = 100_000) -> CityPlan:
    """The demo city's shape, with made-up street names."""
    streets = tuple(
        StreetPlan(
            code=f"{code}{24 + n:03d}",
            name_zh=f"{zh}{'甲乙'[n]}街道",
            name_en=f"Street {code}-{n + 1}",
            district_code=code,
            lon=lon + 0.04 * n,
            lat=lat - 0.02 * n,
            population_share=population / 2,
        )
        for code, zh, lon, lat, population in _DISTRICTS
        for n in range(2)
    )
    return CityPlan(streets=streets, market_street=MARKET_STREET, people=people)


_XIAMEN = (
    ("350203", "思明", 118.08, 24.45, 1_073_315),
    ("350205", "海沧", 117.98, 24.49, 582_519),
    ("350206", "湖里", 118.11, 24.51, 1_036_974),
    ("350211", "集美", 118.10, 24.58, 1_036_987),
    ("350212", "同安", 118.15, 24.73, 855_920),
    ("350213", "翔安", 118.24, 24.62, 578_255),
)


def xiamen_plan(*, people: int = 100_000) -> CityPlan:
    """Xiamen's six districts, two streets each, the market in Huli."""
    streets = tuple(
        StreetPlan(
            code=f"{code}{1 + n:03d}",
            name_zh=f"{zh}{'甲乙'[n]}街道",
            name_en=f"Street {code}-{n + 1}",
            district_code=code,
            lon=lon + 0.03 * n,
            lat=lat - 0.02 * n,
            population_share=population / 2,
        )
        for code, zh, lon, lat, population in _XIAMEN
        for n in range(2)
    )
    return CityPlan(streets=streets, market_street="350206001", people=people, kind="xiamen")
