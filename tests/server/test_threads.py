"""How requests reach Django: whole in a lasting thread, none with anything of the one before it."""

import asyncio
import threading

import pytest
from asgiref.testing import ApplicationCommunicator
from django.core import signals
from django.http import HttpResponse, StreamingHttpResponse
from django.utils import translation

from citywatch.server.threads import LastingThreads

ASKED = {
    "type": "http", "method": "POST", "path": "/", "root_path": "", "query_string": b"", "scheme": "http",
    "headers": [(b"host", b"localhost")], "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 9),
}  # fmt: skip


@pytest.fixture
def served(monkeypatch):
    """Let a function answer requests; gives what to send them with."""

    def by(answer):
        application = LastingThreads()
        monkeypatch.setattr(application, "get_response", answer)
        return application

    return by


async def _sent(application, body=b""):
    caller = ApplicationCommunicator(application, ASKED)
    await caller.send_input({"type": "http.request", "body": body})
    start, told = await caller.receive_output(), await caller.receive_output()
    await caller.wait()
    return start["status"], told["body"]


def test_one_request_leaves_nothing_to_the_next(served):
    def answer(request):
        language = translation.get_language()
        translation.activate("en")
        return HttpResponse(f"{threading.current_thread().name} {language} {request.body.decode()}", status=201)

    async def both():
        application = served(answer)
        return [await _sent(application, body) for body in (b"first", b"second")]

    (status, first), (_, second) = asyncio.run(both())
    assert status == 201
    thread, language, body = first.decode().split()
    assert second.decode().split() == [thread, language, "second"]
    assert (language, body) == ("zh-hans", "first")


def test_a_request_is_begun_and_ended_in_the_thread_that_answers_it(served):
    where = []

    def noted(**_):
        where.append(threading.current_thread().name)

    def answer(_request):
        noted()
        response = HttpResponse()
        response._handler_class = None
        return response

    for signal in (signals.request_started, signals.request_finished):
        signal.connect(noted)
    try:
        asyncio.run(_sent(served(answer)))
    finally:
        for signal in (signals.request_started, signals.request_finished):
            signal.disconnect(noted)
    assert len(where) == 3
    assert len(set(where)) == 1


def test_what_cannot_be_a_request_is_refused(served):
    broken = ASKED | {"query_string": b"\xff"}

    async def ask():
        caller = ApplicationCommunicator(served(lambda _: HttpResponse()), broken)
        await caller.send_input({"type": "http.request", "body": b""})
        return (await caller.receive_output())["status"]

    assert asyncio.run(ask()) == 400


def test_a_stream_ends_when_nobody_listens_any_more(served):
    ended = threading.Event()

    async def parts():
        try:
            while True:
                yield b"still here"
                await asyncio.sleep(0)
        finally:
            ended.set()

    async def listen():
        caller = ApplicationCommunicator(served(lambda _: StreamingHttpResponse(parts())), ASKED)
        await caller.send_input({"type": "http.request"})
        told = [await caller.receive_output() for _ in range(3)]
        await caller.send_input({"type": "http.disconnect"})
        await caller.wait()
        return told

    assert [part.get("body") for part in asyncio.run(listen())] == [None, b"still here", b"still here"]
    assert ended.is_set()


def test_a_stream_that_breaks_off_is_no_whole_answer(served):
    async def parts():
        yield b"one"
        raise ValueError("broken off")

    async def listen():
        caller = ApplicationCommunicator(served(lambda _: StreamingHttpResponse(parts())), ASKED)
        await caller.send_input({"type": "http.request"})
        await caller.receive_output()
        await caller.receive_output()
        await caller.wait()

    with pytest.raises(ValueError, match="broken off"):
        asyncio.run(listen())
