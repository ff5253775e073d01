"""The ASGI application that `citywatch serve` and any production server runs."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citywatch.server.settings")
application = get_asgi_application()
