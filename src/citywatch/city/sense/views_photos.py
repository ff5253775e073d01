"""The pages of photos: the door a phone sends them to, the list of those one may open, and the picture itself."""

from base64 import b64encode

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.sense import envelopes, photos, services
from citywatch.city.sense.streams import BY_CODE
from citywatch.city.sense.views_phone import posted
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.vault.services import masked_identities

_MAX_LETTER = 700_000  # a picture of the largest size is written in base64 twice
_SHOWN = 50


@require_POST
@signed_in("sense.submit")
def queue(request: HttpRequest) -> HttpResponse:
    """One sealed photo from a phone, answered in JSON; sent again it is told the first one's number.

    409 says that its report has not arrived: the photo goes on waiting.
    """
    viewer = viewer_of(request)
    try:
        letter = envelopes.unsealed_letter(posted(request.body, most=_MAX_LETTER), by=viewer)
        site = services.site_named(letter.site, by=viewer)
        picture = photos.decoded(letter.values.get("picture", ""))
        photo = photos.take(letter.key, letter.values.get("of", ""), picture, site=site, by=viewer, at=clock.now())
    except Refusal as refusal:  # the phone asks, not a person: the same sentence and status, as JSON
        return JsonResponse({"refused": [str(refusal)]}, status=refusal.status)
    return JsonResponse({"photo": photo.pk})


@require_safe
@signed_in("sense.view")
def listed(request: HttpRequest) -> HttpResponse:
    """The newest photos one may open, each with its report; a masked name, and no picture before somebody says why."""
    viewer = viewer_of(request)
    found = list(photos.seen_by(viewer).order_by("-recorded_at", "-pk")[:_SHOWN])
    names = masked_identities({one.person_id for one in found}, by=viewer)
    rows = [(one, BY_CODE[one.submission.form].title, names.get(one.person_id)) for one in found]
    return render(request, "sense/photos.html", {"rows": rows, "shown": _SHOWN})


@require_POST
@signed_in("sense.view")
def opened(request: HttpRequest, photo_id: int) -> HttpResponse:
    """The picture, to somebody who said what for: within its page, which nothing keeps on the way."""
    because = request.POST.get("because", "")
    photo, picture = photos.open_photo(photo_id, because=because, by=viewer_of(request), at=clock.now())
    context = {"photo": photo, "because": because, "picture": b64encode(picture).decode()}
    answer = render(request, "sense/photo.html", context)
    patch_cache_control(answer, no_store=True)
    return answer
