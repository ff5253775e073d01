"""The whole suite: on SQLite, then on PostgreSQL, in the browser and on Spark at the same time, where they are found.

Browser and Spark mostly wait, so PostgreSQL's tests have the time they leave. Says what was left out and why; with
CITYWATCH_REQUIRE=postgresql,browser,spark,shared a missing part is a failure.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile

from private_postgres import binaries, cluster

HERE = Path(__file__).resolve().parent.parent
# What never touches the database, or only beside what is tested, need not run twice.
ON_SPARK = ["tests/eventlog/test_spark.py", "tests/eventlog/test_engines.py", "tests/eventlog/test_expressions.py"]
ON_ONE = [
    *(f"tests/server/test_{name}.py" for name in ("environment", "front", "serve", "simulation", "words")),
    *(f"tests/city/warn/test_{name}.py" for name in ("budget", "quiet_city")),
]
# A JVM that lives for minutes spends them compiling itself; its first compiler is enough.
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
ON_BOTH = ["tests/mechanisms", "tests/city", "tests/server", "tests/stories", "tests/architecture"]


def main() -> int:
    """Run every part that can run here; returns the number of parts that failed."""
    required = set(filter(None, os.environ.get("CITYWATCH_REQUIRE", "").split(",")))
    present = {
        "postgresql": binaries() is not None,
        "browser": any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")),
        "spark": find_spec("pyspark") is not None and shutil.which("java") is not None,
        "shared": (HERE.parent / "shared" / "golden").is_dir(),
    }
    left_out = [name for name, here in present.items() if not here]
    print("== SQLite", flush=True)
    failed = int(_pytest([], marks="not browser") != 0)
    with ThreadPoolExecutor() as side_by_side:
        parts: dict[str, Future[tuple[int, str]]] = {}
        if present["postgresql"]:
            parts["PostgreSQL"] = side_by_side.submit(_on_postgresql)
        if present["browser"]:
            parts["Browser"] = side_by_side.submit(_told, ["tests/browser"], marks="browser", workers="0")
        if present["spark"]:
            parts["Spark"] = side_by_side.submit(
                _told,
                ON_SPARK,
                marks="not browser",
                workers="0",
                CITYWATCH_TEST_SPARK="1",
                JDK_JAVA_OPTIONS=SHORT_LIVED,
            )
        for name, part in parts.items():
            code, said = part.result()
            print(f"== {name}\n{said}", flush=True)
            failed += code != 0
    reasons = {
        "postgresql": "PostgreSQL's programs were not found (apt install postgresql)",
        "browser": "Chromium was not found (apt install chromium)",
        "spark": "Spark and Java were not found (make setup-cluster; apt install openjdk-17-jre-headless)",
        "shared": "../shared beside the checkout was not found",
    }
    for name in left_out:
        print(f"left out: {name}: {reasons[name]}")
        failed += name in required
    return failed


def _on_postgresql() -> tuple[int, str]:
    # Tests roll back cities of people; figures taken of what was rolled back would mislead the planner for minutes.
    with cluster(autovacuum="off") as url:
        paths = [path for path in ON_BOTH if (HERE / path).exists()]
        return _told([*paths, *(f"--ignore={path}" for path in ON_ONE)], marks="not browser", DATABASE_URL=url)


def _told(paths: list[str], *, marks: str, workers: str = "2", **more: str) -> tuple[int, str]:
    """Run one part aside; what it printed comes whole, not mixed with the other's."""
    with TemporaryFile() as out:
        code = _pytest(paths, marks=marks, workers=workers, out=out.fileno(), **more)
        out.seek(0)
        return code, out.read().decode(errors="replace")


def _pytest(paths: list[str], *, marks: str, workers: str = "2", out: int | None = None, **more: str) -> int:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-n",
        workers,
        "-m",
        marks,
        "-rs",
        "--durations=15",
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",  # as collected: tests/conftest.py puts the longest first
        *paths,
    ]
    # Many tests start the command as a process of its own, and compiling every module anew costs each two seconds.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | more
    return subprocess.run(
        command, cwd=HERE, env=environment, stdout=out, stderr=subprocess.STDOUT if out else None, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
