"""Starting a drill from a page: a process of its own, in a home folder of its own, on a port of its own."""

import os
import socket
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from citywatch.city.registry import queries as registry
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.jurisdiction.models import must
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.server.drill import exercise
from citywatch.server.drill.exercise import Exercise

_LAST_LINES = 3


@dataclass(frozen=True, slots=True)
class Running:
    """A drill started here: its name, its record once people may take over, what it last said, its sign-ins."""

    name: str
    exercise: Exercise | None
    says: str
    accounts: dict[str, str]


def scenarios() -> list[str]:
    """The finished folders of simulated cities under `scenarios` of the home folder, by name."""
    root = Path(settings.HOME) / "scenarios"
    return sorted(path.parent.name for path in root.glob("*/scenario.json")) if root.is_dir() else []


def drills() -> list[Running]:
    """The drills started from this system, newest first."""
    root = Path(settings.HOME) / "drills"
    found = sorted((path for path in root.iterdir() if path.is_dir()), reverse=True) if root.is_dir() else []
    return [Running(home.name, exercise.read(home), _says(home), exercise.accounts(home)) for home in found]


def start(folder: str, *, speed: float, by: Viewer, at: datetime) -> str:
    """Start a drill of one of `scenarios`; returns its name. It shares nothing with this system but that folder."""
    city = registry.city_place()
    must(by, "drill.start", city)
    speed = exercise.checked_speed(speed)
    if folder not in scenarios():
        raise NotFound(
            f"There is no scenario {folder!r}; write one with `citywatch simulate … --out scenarios/{folder}` in "
            "CITYWATCH_HOME.",
            zh=f"没有名为“{folder}”的演练场景；请先用 citywatch simulate 生成。",
        )
    name = f"{at.astimezone(clock.SHANGHAI):%Y%m%d-%H%M%S}-{folder}"
    home = Path(settings.HOME) / "drills" / name
    home.mkdir(parents=True)
    command = [
        *(sys.executable, "-m", "citywatch.server.cli", "drill", "start"),
        str(Path(settings.HOME) / "scenarios" / folder),
        *("--home", str(home), "--speed", f"{speed:g}", "--port", str(_free_port())),
    ]
    outside = ("CITYWATCH_MODE", "CITYWATCH_HOME", "DATABASE_URL", "PORT")
    environment = {key: value for key, value in os.environ.items() if key not in outside}
    with (home / "start.log").open("wb") as log:
        subprocess.Popen(command, stdout=log, stderr=log, env=environment, start_new_session=True)  # noqa: S603 - our own
    journal.record("drill.started", place=city, by=by, at=at, drill=name, scenario=folder, speed=speed)
    return name


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _says(home: Path) -> str:
    path = home / "start.log"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return "\n".join(lines[-_LAST_LINES:])
