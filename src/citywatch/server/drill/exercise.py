"""The record of one drill, kept as a file in the home folder of its own system."""

import json
import os
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path

from citywatch.mechanisms.errors import Refusal

FILE, ACCOUNTS = "drill.json", "accounts.json"
SLOWEST, FASTEST = 1, 600


@dataclass(frozen=True, slots=True)
class Exercise:
    """Which folder is played how fast, when people took over and when it ended (city time); `address` of its pages."""

    folder: str
    speed: float
    takes_over: str = ""
    ended: str = ""
    address: str = ""
    started_by: str = ""

    @property
    def from_moment(self) -> datetime:
        return datetime.fromisoformat(self.takes_over)


def read(home: Path) -> Exercise | None:
    """The drill of a home folder; None where there is none."""
    path = home / FILE
    return Exercise(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None


def write(home: Path, exercise: Exercise) -> None:
    """Keep the record; a reader never sees half of it."""
    home.mkdir(parents=True, exist_ok=True)
    made = home / f"{FILE}.new"
    made.write_text(json.dumps(asdict(exercise), indent=1), encoding="utf-8")
    made.replace(home / FILE)


def end(home: Path, *, at: datetime) -> Exercise:
    """End a drill; the time at which it ended first stays."""
    exercise = read(home)
    if exercise is None:
        raise Refusal(
            "This system runs no drill; start one with `citywatch drill start`.", zh="本系统没有正在进行的演练。"
        )
    if not exercise.ended:
        exercise = replace(exercise, ended=at.isoformat())
        write(home, exercise)
    return exercise


def set_speed(home: Path, speed: float) -> Exercise:
    """Let the drill run at another speed from now on. Refuses where no drill runs, and a speed nobody can follow."""
    exercise = read(home)
    if exercise is None or exercise.ended:
        raise Refusal("No drill runs here whose speed could be changed.", zh="本系统没有正在进行的演练，无法调整倍速。")
    exercise = replace(exercise, speed=checked_speed(speed))
    write(home, exercise)
    return exercise


def write_accounts(home: Path, passwords: dict[str, str]) -> None:
    """Keep the drill's sign-ins where its starter can read them; they open nothing but this drill."""
    with os.fdopen(os.open(home / ACCOUNTS, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(passwords, out)


def accounts(home: Path) -> dict[str, str]:
    path = home / ACCOUNTS
    return dict(json.loads(path.read_text())) if path.exists() else {}


def checked_speed(speed: float) -> float:
    """A speed a drill may run at. Refuses any other."""
    if not SLOWEST <= speed <= FASTEST:
        raise Refusal(
            f"A drill runs at ×{SLOWEST} to ×{FASTEST} and {speed:g} was asked; choose a speed between.",
            zh=f"演练倍速须在×{SLOWEST}至×{FASTEST}之间。",
        )
    return speed
