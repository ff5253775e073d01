"""Every environment variable CityWatch knows, read once.

| variable | meaning | default |
|---|---|---|
| CITYWATCH_HOME | folder for database, event log and keys | ./var/<city> |
| CITYWATCH_MODE | production, demo, drill or test | production |
| CITY | beijing or xiamen (demo), or any city whose registry was imported | beijing |
| DATABASE_URL | postgresql://user:password@host:port/name; without it SQLite in CITYWATCH_HOME | |
| HOST, PORT | where `citywatch serve` listens | 127.0.0.1, 8000 |
| PUBLIC_AT | host:port where `citywatch serve` hands out the released pages, by a process of their own | |
| DEMO_PUBLIC | 1 lets the demo listen beyond loopback | 0 |
| ALLOWED_HOSTS | host names of production, comma separated | |
| CITYWATCH_CIPHER | aes or sm4 | aes |
| CITYWATCH_ENGINE | duckdb or spark://host:port | duckdb |
| CITYWATCH_HEADS | a second folder for the journal's heads, best of another machine | |
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

Mode = Literal["production", "demo", "drill", "test"]


@dataclass(frozen=True, slots=True)
class Environment:
    """The installation's configuration."""

    home: Path
    mode: Mode
    city: str
    database_url: str
    host: str
    port: int
    public_at: tuple[str, int] | None
    demo_public: bool
    allowed_hosts: tuple[str, ...]
    cipher: str
    engine: str
    heads: Path | None

    @property
    def moves_clock(self) -> bool:
        """City time may be moved: in the demo, in drills and in tests, never in production."""
        return self.mode != "production"


def read() -> Environment:
    """Read the environment; raises `ValueError` naming the variable that makes no sense."""

    def get(name: str, default: str) -> str:
        return os.environ.get(name) or default  # make exports variables that were not given as empty

    mode = get("CITYWATCH_MODE", "production")
    if mode not in {"production", "demo", "drill", "test"}:
        raise ValueError(f"CITYWATCH_MODE is {mode!r}; it must be production, demo, drill or test.")
    city = get("CITY", "beijing")
    port = get("PORT", "8000")
    public_host, _, public_port = get("PUBLIC_AT", "").rpartition(":")
    if not port.isdigit():
        raise ValueError(f"PORT is {port!r}; it must be a number.")
    if get("PUBLIC_AT", "") and not (public_host and public_port.isdigit()):
        raise ValueError(f"PUBLIC_AT is {get('PUBLIC_AT', '')!r}; it must be host:port, such as 0.0.0.0:8080.")
    return Environment(
        home=Path(get("CITYWATCH_HOME", f"var/{city}")).resolve(),
        mode=cast("Mode", mode),
        city=city,
        database_url=get("DATABASE_URL", ""),
        host=get("HOST", "127.0.0.1"),
        port=int(port),
        public_at=(public_host.strip("[]"), int(public_port)) if public_port else None,
        demo_public=get("DEMO_PUBLIC", "0") == "1",
        allowed_hosts=tuple(host for host in get("ALLOWED_HOSTS", "").split(",") if host),
        cipher=get("CITYWATCH_CIPHER", "aes"),
        engine=get("CITYWATCH_ENGINE", "duckdb"),
        heads=Path(get("CITYWATCH_HEADS", "")).resolve() if get("CITYWATCH_HEADS", "") else None,
    )
