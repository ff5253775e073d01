"""Which browser asks: the mark it carries once somebody has signed in there, and the address it comes from."""

import secrets
from hashlib import sha256
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

COOKIE = "known_browser"
_SALT = "citywatch.known-browser"
# The first that stands in what a browser says of itself; most claim to be several (WeChat's is a Chrome, too).
_PROGRAMS = {"MicroMessenger": "WeChat", "Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome"}
_PROGRAMS |= {"Chromium": "Chromium", "Safari": "Safari"}
_SYSTEMS = {"HarmonyOS": "HarmonyOS", "OpenHarmony": "HarmonyOS", "iPhone": "iPhone", "iPad": "iPad"}
_SYSTEMS |= {"Android": "Android", "Windows": "Windows", "Mac OS": "macOS", "Linux": "Linux"}
_DAYS = 180
_MOST = 8
"""A ward's computer is shared; the oldest mark gives way."""


def address_of(request: HttpRequest) -> str:
    """The network address to count by. One household has a whole /64 of IPv6, so that counts as one."""
    given = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ip_address(given)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ip_network(f"{address}/64", strict=False)) if address.version == 6 else str(address)


def described(agent: str) -> str:
    """What a browser says of itself, as its owner would call it; the words themselves where none is known.

    >>> described("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/137.0 Safari/537.36 Edg/137.0")
    'Edge, Windows'
    """
    found = (next((name for mark, name in known.items() if mark in agent), "") for known in (_PROGRAMS, _SYSTEMS))
    return ", ".join(name for name in found if name) or agent[:60]


def known(request: HttpRequest, login: str) -> str:
    """The mark this browser carries for an account, or an empty text."""
    return dict(_marks(request)).get(_name(login), "")


def remember(request: HttpRequest, response: HttpResponse, login: str) -> None:
    """Mark this browser as one from which the account has been signed in."""
    name = _name(login)
    marks = [one for one in _marks(request) if one[0] != name]
    marks.append((name, known(request, login) or secrets.token_hex(12)))
    response.set_cookie(
        COOKIE,
        signing.dumps(marks[-_MOST:], salt=_SALT),
        max_age=_DAYS * 86_400,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _marks(request: HttpRequest) -> list[tuple[str, str]]:
    try:
        carried = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=_DAYS * 86_400)
    except signing.BadSignature:
        return []
    return [(str(name), str(mark)) for name, mark in carried]


def _name(login: str) -> str:
    return sha256(login.strip().casefold().encode()).hexdigest()[:16]
