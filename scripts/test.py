"""The whole suite: on SQLite, on PostgreSQL where its programs are found, in the browser where Chromium is found.

Says what it left out and why. With CITYWATCH_REQUIRE=postgresql,browser,shared a missing part is a failure.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from private_postgres import binaries, cluster

HERE = Path(__file__).resolve().parent.parent
# What never touches the database need not run twice.
ON_BOTH = ["tests/mechanisms", "tests/city", "tests/server", "tests/stories", "tests/architecture"]


def main() -> int:
    """Run every part that can run here; returns the number of parts that failed."""
    required = set(filter(None, os.environ.get("CITYWATCH_REQUIRE", "").split(",")))
    present = {
        "postgresql": binaries() is not None,
        "browser": any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")),
        "shared": (HERE.parent / "shared" / "golden").is_dir(),
    }
    left_out = [name for name, here in present.items() if not here]
    failed = 0
    print("== SQLite", flush=True)
    failed += _pytest([], marks="not browser") != 0
    if present["postgresql"]:
        print("== PostgreSQL", flush=True)
        with cluster() as url:
            failed += (
                _pytest([path for path in ON_BOTH if (HERE / path).exists()], marks="not browser", DATABASE_URL=url)
                != 0
            )
    if present["browser"]:
        print("== Browser", flush=True)
        failed += _pytest(["tests/browser"], marks="browser", workers="0") != 0
    reasons = {
        "postgresql": "PostgreSQL's programs were not found (apt install postgresql)",
        "browser": "Chromium was not found (apt install chromium)",
        "shared": "../shared beside the checkout was not found",
    }
    for name in left_out:
        print(f"left out: {name}: {reasons[name]}")
        failed += name in required
    return failed


def _pytest(paths: list[str], *, marks: str, workers: str = "2", **more: str) -> int:
    command = [sys.executable, "-m", "pytest", "-n", workers, "-m", marks, "-rs", "--dist", "loadfile", *paths]
    return subprocess.run(command, cwd=HERE, env=os.environ | more, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
