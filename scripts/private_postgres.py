"""A PostgreSQL cluster of one's own for a while, in a temporary folder, on loopback, thrown away afterwards."""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def binaries() -> Path | None:
    """The newest installed PostgreSQL's programs, or None."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).parent if initdb else None


@contextmanager
def cluster(**settings: str) -> Iterator[str]:
    """Start a cluster with these settings and give its DATABASE_URL.

    PostgreSQL refuses to run as root, so root lends it to `postgres`.
    """
    programs = binaries()
    if programs is None:
        raise FileNotFoundError("PostgreSQL's initdb was not found; install the package postgresql.")
    folder = Path(tempfile.mkdtemp(prefix="citywatch-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
        as_user = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
    password = secrets.token_urlsafe(12)
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    port = free_port()
    set_to = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    run = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    try:
        subprocess.run(  # noqa: PLW1510 - `run` says check=True
            [*as_user, programs / "initdb", "-D", folder / "cluster", "-U", "citywatch", "-A", "scram-sha-256",
             f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"],
            **run,
        )  # fmt: skip
        server = subprocess.Popen(
            [*as_user, programs / "postgres", "-D", folder / "cluster", "-F", "-c", f"port={port}",
             "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}", *set_to],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip
        _wait(port)
        try:
            yield f"postgresql://citywatch:{password}@127.0.0.1:{port}/postgres"
        finally:
            server.terminate()
            server.wait(20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(0.3)
                return
        time.sleep(0.1)
    raise TimeoutError("PostgreSQL did not begin to listen within 20 s.")
