"""A surge of one kind of asker is told to come back, and costs no other kind its answer."""

import asyncio
import json
import threading

import pytest
from asgiref.testing import ApplicationCommunicator
from django.http import HttpResponse

from citywatch.server import lanes, threads
from citywatch.server.lanes import DOOR, MACHINES, PUBLIC, STAFF, Lane, Lanes, lane_of
from citywatch.server.threads import LastingThreads

MACHINE, OTHER = (b"authorization", b"Bearer one"), (b"authorization", b"Bearer two")
NURSE = (b"cookie", b"csrftoken=x; sessionid=s1")
PATIENCE = 10


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(threads, "_HELD", 0)


class City:
    """An application whose answers wait until they are let go, and what was asked of it."""

    def __init__(self, monkeypatch):
        self.go, self.begun = threading.Event(), []
        self.application = LastingThreads()
        monkeypatch.setattr(self.application, "get_response", self._answer)

    def _answer(self, request):
        self.begun.append(request.path)
        if "wait" in request.path:
            assert self.go.wait(PATIENCE)
        return HttpResponse("done")

    def asked(self, path, *headers, body=b"", whole=True):
        scope = {
            "type": "http", "method": "POST", "path": path, "root_path": "", "query_string": b"", "scheme": "http",
            "headers": [(b"host", b"localhost"), *headers], "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 9),
        }  # fmt: skip
        caller = ApplicationCommunicator(self.application, scope)
        return asyncio.ensure_future(self._told(caller, body, whole))

    async def _told(self, caller, body, whole):
        await caller.send_input({"type": "http.request", "body": body, "more_body": not whole})
        start = await caller.receive_output(PATIENCE)
        told = await caller.receive_output(PATIENCE)
        headers = {name.lower().decode(): value.decode() for name, value in start["headers"]}
        return start["status"], headers, told["body"].decode()

    async def until_begun(self, many):
        while len(self.begun) < many:  # noqa: ASYNC110 - another thread begins them
            await asyncio.sleep(0.01)


@pytest.fixture
def city(monkeypatch):
    """Two machines' requests are answered at once and one more may wait; two of one key at most."""
    monkeypatch.setattr(lanes, "MACHINES", Lane("machines", threads=2, waiting=1, each=2))
    return City(monkeypatch)


@pytest.mark.parametrize(
    ("path", "headers", "lane"),
    [
        ("/api/forms/x/batches", [MACHINE, NURSE], MACHINES),
        ("/warn/", [NURSE], STAFF),
        ("/public/publish/", [NURSE], STAFF),
        ("/accounts/login/", [], DOOR),
        ("/health", [(b"accept", b"*/*")], DOOR),
        ("/public/zh/situation.html", [(b"cookie", b"sessionid=")], PUBLIC),
        ("/warn/", [(b"cookie", b"csrftoken=x")], PUBLIC),
        ("/warn/", [(b"cookie", b"sessionid\xff;=;;")], PUBLIC),
    ],
)
def test_who_asks_stands_in_the_line_of_their_kind(path, headers, lane):
    assert lane_of(path, headers)[0] == lane


def test_two_keys_and_two_sessions_are_told_apart_and_no_secret_is_kept():
    (_, one), (_, other) = lane_of("/api/", [MACHINE]), lane_of("/api/", [OTHER])
    assert one != other
    assert "one" not in one
    assert lane_of("/", [NURSE])[1] != lane_of("/", [(b"cookie", b"sessionid=s2")])[1]


def test_when_machines_wait_in_line_the_next_is_told_to_come_back_and_staff_are_answered(city):
    async def surge():
        keys = [(b"authorization", f"Bearer {number}".encode()) for number in range(5)]
        inside = [city.asked("/api/wait", key, body=b"x") for key in keys[:3]]
        await city.until_begun(2)
        turned = await city.asked("/api/wait", keys[3], whole=False)
        nurse = await city.asked("/sense/", NURSE)
        city.go.set()
        answered = [await one for one in inside]
        later = await city.asked("/api/now", keys[4])
        return turned, nurse, answered, later

    (status, headers, body), nurse, answered, later = asyncio.run(surge())
    assert status == 503
    assert lanes._SOONEST <= int(headers["retry-after"]) <= lanes._LATEST
    assert "尚未接收" in json.loads(body)["detail"]
    assert headers["cache-control"] == "no-store"
    assert [one[0] for one in [nurse, *answered, later]] == [200] * 5
    assert city.begun.count("/api/wait") == 3, "of what was turned away nothing was begun"


def test_one_institution_that_sends_too_much_at_once_keeps_nobody_else_waiting(city):
    async def noisy():
        inside = [city.asked("/api/wait", MACHINE) for _ in range(2)]
        await city.until_begun(2)
        turned = await city.asked("/api/wait", MACHINE, (b"accept-language", b"en"))
        quiet = city.asked("/api/now", OTHER)
        city.go.set()
        answered = [await one for one in [*inside, quiet]]
        return turned, answered, await city.asked("/api/now", MACHINE)

    (status, headers, body), answered, again = asyncio.run(noisy())
    assert (status, "retry-after" in headers) == (429, True)
    assert "wait for the answers" in json.loads(body)["detail"]
    assert [one[0] for one in [*answered, again]] == [200] * 4


def test_a_person_turned_away_reads_a_sentence_on_a_page(city, monkeypatch):
    monkeypatch.setattr(lanes, "STAFF", Lane("staff", threads=1, waiting=0, each=9))

    async def full():
        first = city.asked("/wait/", NURSE)
        await city.until_begun(1)
        turned = await city.asked("/sense/", (b"cookie", b"sessionid=s2"))
        city.go.set()
        await first
        return turned

    status, headers, body = asyncio.run(full())
    assert (status, headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "系统繁忙" in body


def test_what_stops_coming_is_given_up_and_holds_no_thread(city, monkeypatch):
    monkeypatch.setattr(threads, "_PATIENCE", 0.05)

    async def stalled():
        cut = await city.asked("/api/now", MACHINE, body=b"half", whole=False)
        return cut, await city.asked("/api/now", MACHINE, body=b"whole")

    (status, _, body), whole = asyncio.run(stalled())
    assert status == 408
    assert "尚未接收" in json.loads(body)["detail"]
    assert (whole[0], city.begun) == (200, ["/api/now"])


def test_a_place_is_given_back_whatever_happens():
    line = Lanes()
    for _ in range(3):
        with pytest.raises(ValueError, match="broke"), line.a_place(Lane("machines", 1, 0, 1), "one"):
            raise ValueError("broke")
    assert line._inside["machines"] == 0
    assert not line._of
