"""The public plane hands out what was released and knows nothing else."""

import asyncio
import os
import subprocess
import sys

import pytest
from asgiref.testing import ApplicationCommunicator

from citywatch.server import plain
from citywatch.server.plain import FILES, Plain

PAGE = "/public/zh/situation.html"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(plain, "_LOOK", 0)
    (tmp_path / "zh").mkdir()
    (tmp_path / "zh" / "situation.html").write_text("今日新增 12 例", encoding="utf-8")
    (tmp_path / "released.json").write_text("{}")
    return tmp_path


@pytest.fixture
def ask(folder):
    application = Plain(folder)

    async def asked(path, method, headers):
        scope = {"type": "http", "method": method, "path": path, "headers": headers}
        caller = ApplicationCommunicator(application, scope)
        start, told = await caller.receive_output(), await caller.receive_output()
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], headers, told["body"].decode()

    return lambda path, method="GET", headers=(): asyncio.run(asked(path, method, list(headers)))


def test_a_released_page_is_handed_out_and_kept_by_whoever_passes_it_on(ask):
    status, headers, body = ask(PAGE)

    assert (status, body) == (200, "今日新增 12 例")
    assert headers["cache-control"] == "public, max-age=300"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert ask(PAGE, headers=[(b"if-none-match", headers["etag"].encode())])[::2] == (304, "")
    assert ask(PAGE, "HEAD")[::2] == (200, "")
    assert ask("/zh/situation.html")[0] == 200


def test_a_new_release_is_seen(ask, folder):
    first = ask(PAGE)[1]["etag"]
    page = folder / "zh" / "situation.html"
    page.write_text("今日新增 3 例", encoding="utf-8")
    os.utime(page, ns=(1, 1))

    status, headers, body = ask(PAGE)
    assert (status, body) == (200, "今日新增 3 例")
    assert headers["etag"] != first


@pytest.mark.parametrize(
    "path",
    ["/public/released.json", "/public/../released.json", "//etc/passwd", "/public/zh/", "/public/en/situation.html"],
)
def test_nothing_but_the_released_files_is_there(ask, path):
    assert ask(path)[0] == 404


def test_nothing_can_be_sent_and_the_way_in_leads_to_the_reader_s_language(ask):
    assert ask(PAGE, "POST")[0] == 405
    assert ask("/")[1]["location"] == "/public/zh/situation.html"
    assert ask("/public/", headers=[(b"accept-language", b"en-GB")])[1]["location"] == "/public/en/situation.html"


def test_it_loads_neither_the_framework_nor_anything_that_could_open_the_database():
    loaded = "import sys, citywatch.server.plain; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert not {"django", "psycopg", "sqlite3", "duckdb", "cryptography"} & set(told.stdout.split())


def test_every_released_file_is_known_to_it(client_as, at_noon, settings, tmp_path):
    settings.HOME = tmp_path
    client_as("press").post("/public/publish/")
    released = {path.relative_to(tmp_path / "public").as_posix() for path in (tmp_path / "public").rglob("*.*")}
    assert released - {"released.json"} == FILES
