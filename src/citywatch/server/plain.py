"""The public plane: what was released, as files from memory, by a process that knows nothing else.

It holds no credential of the database and no key, loads no Django, and runs at a lower priority than the city's own
work: however many people read, the staff's pages and reports do not wait for it. Run: python -m citywatch.server.plain
FOLDER [HOST] [PORT], on this machine or on any other that has a copy of the folder.
"""

import asyncio
import hashlib
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

PAGES = ("situation", "risk-areas", "guidance")
LANGUAGES = {"zh": "zh-hans", "en": "en"}
FILES = frozenset({f"{language}/{page}.html" for language in LANGUAGES for page in PAGES} | {"public.css"})
FRESH = 300
"""Seconds a copy may be shown before it is asked again."""
_LOWER = 10  # of the 19 steps by which a process can be kinder to others
_AT_ONCE = 2000  # connections; the next is answered 503 before anything is read of it
_LOOK = 1.0  # seconds between looks for a new release
_NOTHING = "此处尚未发布内容。 Nothing has been published here yet.\n".encode()
_ALWAYS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        b"default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; frame-ancestors 'none'",
    ),
]

Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Held:
    """A released file in memory."""

    changed: int
    body: bytes
    etag: bytes
    kind: bytes


class Plain:
    """Answers for the files of one release; everything else is not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held: dict[str, Held] = {}
        self._looked = 0.0

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Send) -> None:
        """Answer one request; its body, if it has any, is never read."""
        name = scope["path"].removeprefix("/public").lstrip("/")
        if scope["method"] not in {"GET", "HEAD"}:
            await _say(send, 405, [(b"allow", b"GET, HEAD")])
        elif not name:
            await _say(send, 302, [(b"location", f"/public/{_language(scope)}/situation.html".encode())])
        elif (held := self._of(name)) is None:
            await _say(send, 404, [(b"content-type", b"text/plain; charset=utf-8")], _NOTHING)
        else:
            headers = [
                (b"content-type", held.kind),
                (b"etag", held.etag),
                (b"cache-control", f"public, max-age={FRESH}".encode()),
            ]
            if dict(scope["headers"]).get(b"if-none-match") == held.etag:
                await _say(send, 304, headers)
            else:
                await _say(send, 200, headers, held.body, whole=scope["method"] == "GET")

    def _of(self, name: str) -> Held | None:
        now = asyncio.get_running_loop().time()
        if now - self._looked >= _LOOK:
            self._looked = now
            self._held = {one: held for one in FILES if (held := self._read(one)) is not None}
        return self._held.get(name)

    def _read(self, name: str) -> Held | None:
        path = self.folder / name
        try:
            changed = path.stat().st_mtime_ns
            known = self._held.get(name)
            if known is not None and known.changed == changed:
                return known
            body = path.read_bytes()
        except FileNotFoundError:
            return None
        kind = b"text/css" if name.endswith(".css") else b"text/html"
        return Held(changed, body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'.encode(), kind + b"; charset=utf-8")


def _language(scope: Mapping[str, Any]) -> str:
    asked = dict(scope["headers"]).get(b"accept-language", b"").lower()
    return "en" if asked.startswith(b"en") else "zh"


async def _say(send: Send, status: int, headers: Headers, body: bytes = b"", *, whole: bool = True) -> None:
    length = [] if status == 304 else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length, *_ALWAYS]})
    await send({"type": "http.response.body", "body": body if whole else b""})


def main() -> None:
    """Serve a folder until told to stop."""
    folder, host, port = (sys.argv[1:] + ["127.0.0.1", "8080"][len(sys.argv[2:]) :])[:3]
    os.nice(_LOWER)
    uvicorn.run(
        Plain(Path(folder)), host=host, port=int(port), lifespan="off", log_level="warning", access_log=False,
        limit_concurrency=_AT_ONCE, timeout_keep_alive=5, server_header=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
