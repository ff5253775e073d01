"""What every page of tracing asks of a request, and where it sends people on."""

from datetime import datetime
from typing import TypedDict

from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from citywatch.city.registry.access import viewer_of
from citywatch.mechanisms import clock
from citywatch.mechanisms.clock import moment_of
from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.types import Viewer

PER_PAGE = 50


class Told(TypedDict):
    """Who acts, when and why: what every verb of tracing is told."""

    by: Viewer
    at: datetime
    because: str


def told(request: HttpRequest) -> Told:
    """The person at the screen, city time, and the reason that was sent (empty where none was)."""
    return Told(by=viewer_of(request), at=clock.now(), because=request.POST.get("because", ""))


def number(request: HttpRequest, name: str) -> int:
    """A whole number that was sent, or a refusal."""
    text = request.POST.get(name, "")
    if not (text.isascii() and text.isdigit()):
        raise Refusal(f"{name} is {text!r}; send a whole number.", zh="提交的编号或天数不是整数；请返回页面重新选择。")
    return int(text)


def to(name: str, number: int) -> HttpResponseRedirect:
    """On to the page of this name and number."""
    return see_other(reverse(name, args=[number]))


def back(request: HttpRequest, otherwise: str) -> HttpResponseRedirect:
    """Back to the page the button was on, if that page is ours."""
    came_from = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(came_from, {request.get_host()})
    return see_other(came_from if ours else otherwise)


def see_other(address: str) -> HttpResponseRedirect:
    """On to an address, asked for anew."""
    response = HttpResponseRedirect(address)
    response.status_code = 303
    return response


def numbers(values: list[str]) -> list[int]:
    """Whole numbers among what was sent; anything else is left out."""
    return [int(one) for one in values if one.isascii() and one.isdigit() and len(one) < 19]


def moment(request: HttpRequest, name: str) -> datetime:
    """A moment as a browser's field sends it, in the city's time."""
    told = moment_of(request.POST.get(name, ""))
    if told is None:
        raise Refusal(
            "This is not a time; write it as 2020-06-11 09:30.", zh="时间无法识别，请按 2020-06-11 09:30 填写。"
        )
    return told
