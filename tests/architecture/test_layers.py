"""What the import linter cannot say."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "citywatch"
AREAS = sorted(path.name for path in (SOURCE / "city").iterdir() if (path / "apps.py").exists())
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "processor", "data", "info", "handler"}


def modules():
    return [path for path in SOURCE.rglob("*.py") if "migrations" not in path.parts]


def imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("area", [area for area in AREAS if area != "registry"])
def test_an_areas_models_are_imported_by_that_area_alone(area):
    own = SOURCE / "city" / area
    strangers = [
        str(path.relative_to(ROOT))
        for path in modules()
        if own not in path.parents and f"citywatch.city.{area}.models" in set(imports(path))
    ]

    assert strangers == []


def test_views_never_import_models():
    guilty = [
        str(path.relative_to(ROOT))
        for path in modules()
        if (path.stem == "views" or "views" in path.parts)
        and any(re.fullmatch(r"citywatch\.city\.\w+\.models", name) for name in imports(path))
    ]

    assert guilty == []


def test_rules_and_types_know_no_framework():
    guilty = [
        (str(path.relative_to(ROOT)), name)
        for path in (SOURCE / "city").rglob("*.py")
        if path.stem in {"rules", "types"}
        for name in imports(path)
        if name.split(".")[0] in {"django", "ibis", "pandas", "duckdb"}
    ]

    assert guilty == []


def test_nobody_but_the_clock_reads_the_time():
    wall = re.compile(r"\b(datetime\.now\(|timezone\.now\(|date\.today\(|localdate\(|utcnow\()")
    guilty = [
        str(path.relative_to(ROOT))
        for path in modules()
        if path != SOURCE / "mechanisms" / "clock.py" and wall.search(path.read_text(encoding="utf-8"))
    ]

    assert guilty == []


def test_identities_are_read_without_asking_only_where_nobody_is_shown_them():
    """Purging looks for what it destroyed, a restore proves that keys open; everybody else asks `open_identities`."""
    reads = {
        str(path.relative_to(SOURCE))
        for path in modules()
        if re.search(r"\bunsealed\b", path.read_text(encoding="utf-8"))
    }

    assert reads == {
        "mechanisms/vault/services.py",
        "mechanisms/retention/purging.py",
        "server/backup/restoring.py",
    }


def test_no_module_has_a_name_that_says_nothing():
    guilty = [str(path.relative_to(ROOT)) for path in modules() if path.stem in FORBIDDEN_NAMES]

    assert guilty == []


def test_no_lock_or_set_up_file_names_an_index_host():
    for path in [
        ROOT / "package-lock.json",
        *(ROOT / "requirements").glob("*.txt"),
        ROOT / ".npmrc",
        ROOT / "Makefile",
    ]:
        if path.exists():
            found = re.findall(r"https?://(?!127\.0\.0\.1|localhost)\S+", path.read_text(encoding="utf-8"))
            assert [url for url in found if "funding" not in url and "opencollective" not in url] == [], path
