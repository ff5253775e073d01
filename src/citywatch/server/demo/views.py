"""The demo's advance button."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from citywatch.city.registry.access import signed_in
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.server.demo.script import advance
from citywatch.server.demo.story import setting

EVERY_ROLE = ("warn.view", "trace.view", "sense.submit", "lab.view", "respond.view", "report.public")
STEPS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "24h": timedelta(hours=24)}


@require_POST
@signed_in(*EVERY_ROLE)
def step(request: HttpRequest) -> HttpResponse:
    """Play the other roles on: an hour, six, a day, or to T + 14 hours."""
    wanted = request.POST.get("step", "1h")
    if wanted == "t14":
        until = setting().first_positive + timedelta(hours=14)
        if until <= clock.now():
            raise Refusal(
                "City time is already past T+14 h; advance by hours.", zh="城市时间已过T+14小时；请按小时推进。"
            )
    elif wanted in STEPS:
        until = clock.now() + STEPS[wanted]
    else:
        raise Refusal(f"There is no step {wanted!r}; the steps are t14, {', '.join(STEPS)}.")
    advance(until, role=request.user.get_username())
    back = request.POST.get("next", "/")
    return redirect(back if url_has_allowed_host_and_scheme(back, {request.get_host()}) else "/")


urlpatterns = [path("advance/", step, name="advance")]
