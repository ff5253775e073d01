"""What the phone pages ask for behind the scenes: the key to seal with, the door for what waited, the page's shell."""

import json
from collections.abc import Mapping
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import streets
from citywatch.city.sense import envelopes, phone, queries, services, views
from citywatch.city.sense.streams import form as form_named
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal

_MAX_LETTER = 64 * 1024
_WORKER = "citywatch/js/phone-worker.js"


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in("sense.submit")
def queue(request: HttpRequest) -> HttpResponse:
    """GET: whose phone page this is, so that only their reports are sent. POST: one sealed report, answered in JSON.

    The report's key is its message id: sent again after a lost answer it is told the first receipt and stored once.
    """
    viewer = viewer_of(request)
    if request.method != "POST":
        answer = JsonResponse({"owner": envelopes.owner_of(viewer), "token": get_token(request)})
        patch_cache_control(answer, no_store=True)
        return answer
    try:
        letter = envelopes.unsealed_letter(posted(request.body), by=viewer)
        asked, now = form_named(letter.form), clock.now()
        site = services.site_named(letter.site, by=viewer)
        problems = views.problems_of(asked, letter.values, now)
        if problems:
            labels = {name: str(asked.by_name[name].label) if name in asked.by_name else name for name in problems}
            refused = [f"{labels[name]}: {sentence}" for name, sentence in problems.items()]
            return JsonResponse({"refused": refused}, status=422)
        outcome = views.send(asked, letter.values, token=letter.key, site=site, viewer=viewer, at=now)
    except Refusal as refusal:  # the phone asks, not a person: the same sentence and status, as JSON
        return JsonResponse({"refused": [str(refusal)]}, status=refusal.status)
    phone.carry_on(request, asked, letter.values)
    done = reverse("sense:done", args=[outcome.receipt_id])
    return JsonResponse({"receipt": outcome.receipt_id, "done": done, "quarantined": outcome.quarantined})


@require_POST
@signed_in("sense.submit")
def mend(request: HttpRequest) -> HttpResponse:
    """A refused report's form, filled in as it was, with what is wrong beside each question."""
    viewer, now = viewer_of(request), clock.now()
    letter = envelopes.unsealed_letter(posted(request.POST.get("envelope", "").encode()), by=viewer)
    asked = form_named(letter.form)
    site = services.site_named(letter.site, by=viewer)
    problems = views.problems_of(asked, letter.values, now)
    answer = views.form_page(request, asked, site, letter.values, problems, token=letter.key)
    patch_cache_control(answer, no_store=True)
    return answer


@require_safe
@signed_in("sense.submit")
def shell(request: HttpRequest, code: str) -> HttpResponse:
    """The form without a line: its questions and the account's public key; no name, no list, no token, no person."""
    viewer, now = viewer_of(request), clock.now()
    asked = form_named(code)
    site = views.site_of(request, viewer, asked)
    usual = {name: text for name, text in phone.USUAL.items() if name in asked.by_name}
    context = {
        **views.phone_parts(request, asked, views.fields_of(asked, usual, {}, now)),
        "site": site,
        "sites": [one for one in queries.my_sites(viewer) if asked.stream in one.streams],
        "streets": streets(),
        "shell": True,
    }
    return render(request, "sense/shell.html", context)


@require_safe
@signed_in("sense.submit")
def worker(_request: HttpRequest) -> HttpResponse:
    """The service worker, served from here because a worker reaches no further than its own folder."""
    path = finders.find(_WORKER)
    with open(str(path), "rb") as script:  # noqa: PTH123
        answer = HttpResponse(script.read(), content_type="text/javascript; charset=utf-8")
    patch_cache_control(answer, no_cache=True)
    return answer


def posted(body: bytes, *, most: int = _MAX_LETTER) -> Mapping[str, Any]:
    """What a phone posted, as JSON. Refuses what is longer than `most` bytes, and what is no kept report."""
    if len(body) > most:
        raise Refusal("This report is too long for one report.", zh="该报告过长，无法作为一条报送。")
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refusal(
            "What was sent is not a kept report; send it from the phone's form.",
            zh="提交内容不是暂存的报告；请从手机表单发送。",
        )
    return found
