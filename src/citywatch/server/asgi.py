"""The ASGI application that `citywatch serve` and any production server runs."""

import os

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citywatch.server.settings")
database = settings.DATABASES["default"]
if database["ENGINE"].endswith("postgresql"):
    # Each request runs in a thread of its own, and a connection lives as long as its thread; the pool outlives both.
    # Not in settings: the worker forks, and a pool does not survive that.
    database |= {"CONN_MAX_AGE": 0, "OPTIONS": {"pool": {"min_size": 2, "max_size": 16, "timeout": 30}}}


class OneThread(ASGIHandler):
    """Django's handler, with middleware and view of a request in one thread.

    Middleware that asks the database is synchronous. Around such, Django goes from thread to event loop to thread, with
    an event loop made for every request; that costs as much as a short page.
    """

    def __init__(self) -> None:
        super().__init__()
        self.load_middleware(is_async=False)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        return await sync_to_async(self.get_response)(request)


django.setup(set_prefix=False)
application = OneThread()
