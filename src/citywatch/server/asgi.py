"""The ASGI application that `citywatch serve` and any production server runs."""

import atexit
import gc
import os

import django
from django.conf import settings
from django.urls import get_resolver

from citywatch.server.lanes import THREADS
from citywatch.server.threads import LastingThreads

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citywatch.server.settings")
database = settings.DATABASES["default"]
if database["ENGINE"].endswith("postgresql"):
    # Not in settings: the worker forks, and a pool does not survive that.
    database |= {"CONN_MAX_AGE": 0, "OPTIONS": {"pool": {"min_size": 2, "max_size": THREADS, "timeout": 30}}}

django.setup(set_prefix=False)
application = LastingThreads()
_ = get_resolver().url_patterns  # every page and operation is loaded now, not while the first one waits
gc.collect()
gc.freeze()  # what is loaded stays; looking through it for garbage held requests up for a tenth of a second
atexit.register(gc.unfreeze)  # else libraries complain on the way out of what was never given back
