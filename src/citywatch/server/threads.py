"""How a request is answered: whole in one of a few threads that stay, or told at once that there is no room for it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from html import escape
from typing import IO, Any

from asgiref.sync import sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, get_script_prefix
from django.http import FileResponse
from django.http.response import HttpResponseBase
from django.urls import set_script_prefix

from citywatch.mechanisms.labels import Label
from citywatch.server.lanes import Lanes, TurnedAway, lane_of

_PATIENCE = 30.0
"""Seconds within which the next part of what is sent has to come."""
_HELD = 1.0
"""Seconds that a refusal takes: who asks again at once would otherwise cost those who are being answered."""
_STALLED = Label(
    "内容传输中断，尚未接收；请检查网络后重新发送。",
    "What was sent stopped coming; nothing was taken in. Send it again.",
)

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class LastingThreads(ASGIHandler):
    """Django's handler, with all that a request needs done in one of a few threads that stay.

    Django makes a thread for each request and goes to it and back four times; under load that costs more than storing a
    report does, because every step waits for its turn among the threads.
    """

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware(is_async=False)
        self._lanes = Lanes()

    async def handle(self, scope: Any, receive: Receive, send: Send) -> None:
        """Answer one request. Who hangs up meanwhile does not take back what was sent."""
        lane, who = lane_of(scope["path"], scope["headers"])
        try:
            self._lanes.refuse_full(lane, who)  # before anything of it is read
            body = await self.read_body(_with_patience(receive))
            with self._lanes.a_place(lane, who) as threads:
                # In a context of its own: nothing, such as a language, of the request before it in that thread.
                begun = asyncio.get_running_loop().run_in_executor
                response = await begun(threads, copy_context().run, self._answer, scope, body)
        except RequestAborted:
            return
        except TurnedAway as turned:
            await asyncio.sleep(_HELD)
            await _send_away(scope, send, turned)
            return
        if response.streaming:
            await self._stream(response, receive, send)
        else:
            await self.send_response(response, send)

    def _answer(self, scope: Any, body: IO[bytes]) -> HttpResponseBase:
        set_script_prefix(get_script_prefix(scope))
        signals.request_started.send(sender=self.__class__, scope=scope)
        request, wrong = self.create_request(scope, body)
        response = self.get_response(request) if request else wrong
        assert response is not None  # noqa: S101 - either a request or what is wrong with it
        vars(response)["_handler_class"] = self.__class__  # whom closing it names, as in Django's own handlers
        if not response.streaming:
            response.close()
        return response

    async def _stream(self, response: HttpResponseBase, receive: Receive, send: Send) -> None:
        """Send part by part until it ends or nobody listens any more."""
        if isinstance(response, FileResponse):
            response.block_size = self.chunk_size
        sending = asyncio.ensure_future(self.send_response(response, send))
        leaving = asyncio.ensure_future(self.listen_for_disconnect(receive))
        try:
            await asyncio.wait([sending, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (sending, leaving):
                task.cancel()
            sent, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
            await sync_to_async(response.close)()
        if isinstance(sent, Exception):
            raise sent  # what came is not whole, and must not look so


def _with_patience(receive: Receive) -> Receive:
    """Parts of a body as they come; one that does not come any more ends the request, which holds no thread yet."""

    async def part() -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(_PATIENCE):
                return await receive()
        except TimeoutError:
            raise TurnedAway(408, _STALLED) from None

    return part


async def _send_away(scope: Any, send: Send, turned: TurnedAway) -> None:
    """The sentence, and when to come back, without a thread, a template or the database."""
    told = dict(scope["headers"])
    language = "en" if told.get(b"accept-language", b"").lower().startswith(b"en") else "zh"
    sentence = turned.sentence.in_language(language)
    if scope["path"].startswith("/api/") or b"json" in told.get(b"accept", b""):
        kind, body = b"application/json", json.dumps({"detail": sentence}).encode()
    else:
        kind, body = b"text/html; charset=utf-8", _PAGE.format(language=language, sentence=escape(sentence)).encode()
    headers = [
        (b"content-type", kind),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"retry-after", str(turned.retry_after).encode()),
    ]
    await send({"type": "http.response.start", "status": turned.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_PAGE = """<!doctype html>
<html lang="{language}"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>CityWatch</title><p>{sentence}</p></html>
"""
