"""The ASGI application that `citywatch serve` and any production server runs."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citywatch.server.settings")
database = settings.DATABASES["default"]
if database["ENGINE"].endswith("postgresql"):
    # Each request runs in a thread of its own, and a connection lives as long as its thread; the pool outlives both.
    # Not in settings: the worker forks, and a pool does not survive that.
    database |= {"CONN_MAX_AGE": 0, "OPTIONS": {"pool": {"min_size": 2, "max_size": 16, "timeout": 30}}}
application = get_asgi_application()
