"""What a phone keeps while the line is down: sealed so that the server alone can open it.

A phone is lost, lent and shared, so it holds no key to what it keeps. The page that was opened while the line was up
carries a public key of its account; a report is sealed under it (ECDH on P-256, HKDF-SHA256, AES-256-GCM) and opens
here, for that account alone. A browser has no SM4, so this seal is AES in every installation.

The key behind them is replaced with the masters. A page opened before goes on sealing under the old one, so that stays
for a month and is tried after the newest.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from citywatch.mechanisms.errors import Refusal
from citywatch.mechanisms.jurisdiction.types import Viewer
from citywatch.mechanisms.vault import keyring
from citywatch.mechanisms.vault.rotation import LETTERS
from citywatch.mechanisms.vault.sealing import blind

_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256 (SP 800-186, 3.2.1.3)
_WIDE = 48  # bytes; half again the order, so that the remainder favours no key
_SEALING = b"citywatch phone 1"
_KEY = re.compile(r"[0-9A-Za-z_-]{8,32}")
_PARTS = ("key", "form", "site", "point", "nonce", "box")


@dataclass(frozen=True, slots=True)
class Letter:
    """A report that lay on a phone: its key, its form and site, and its answers as text."""

    key: str
    form: str
    site: str
    values: Mapping[str, str]


def owner_of(viewer: Viewer) -> str:
    """A name for the account that says nothing about whose it is; a phone keeps it beside a sealed report."""
    return blind(viewer.actor, purpose="phone")[:24]


def public_key(viewer: Viewer) -> str:
    """The account's public key as an uncompressed point, in base64."""
    point = (
        _private_key(viewer, keyring.newest(LETTERS))
        .public_key()
        .public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    )
    return base64.b64encode(point).decode()


def unsealed_letter(envelope: Mapping[str, Any], *, by: Viewer) -> Letter:
    """Open what `by`'s phone kept. Refuses another account's, a damaged one, and what is no envelope."""
    parts = {name: envelope.get(name) for name in _PARTS}
    if not all(isinstance(part, str) for part in parts.values()):
        raise _broken()
    key, form, site = (str(parts[name]) for name in _PARTS[:3])
    if not _KEY.fullmatch(key):
        raise _broken()
    try:
        point, nonce, box = (base64.b64decode(str(parts[name]), validate=True) for name in _PARTS[3:])
        bound_to = "|".join((owner_of(by), key, form, site))
        values = json.loads(_opened(point, nonce, box, bound_to=bound_to.encode(), by=by))
    except (InvalidTag, ValueError, binascii.Error):
        raise _broken() from None
    if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
        raise _broken()
    return Letter(key, form, site, values)


def _opened(point: bytes, nonce: bytes, box: bytes, *, bound_to: bytes, by: Viewer) -> bytes:
    """What lies in the box, under whichever of the account's keys it was sealed. Raises `InvalidTag`."""
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    for generation in reversed(keyring.generations(LETTERS)):
        shared = _private_key(by, generation).exchange(ec.ECDH(), theirs)
        secret = HKDF(SHA256(), 32, salt=point, info=_SEALING).derive(shared)
        with suppress(InvalidTag):
            return AESGCM(secret).decrypt(nonce, box, bound_to)
    raise InvalidTag


def _private_key(viewer: Viewer, generation: int) -> ec.EllipticCurvePrivateKey:
    """Derived, not stored: a key of the installation and the account make it, so it outlives any session."""
    master = keyring.master_key(LETTERS, generation)
    wide = HKDF(SHA256(), _WIDE, salt=None, info=b"phone\x00" + viewer.actor.encode()).derive(master)
    return ec.derive_private_key(int.from_bytes(wide) % (_ORDER - 1) + 1, _CURVE)


def _broken() -> Refusal:
    return Refusal(
        "This report does not open: it was kept by another account, or is damaged. Sign in as whoever wrote it, or "
        "write it again.",
        zh="该报告无法打开：由其他账号暂存，或已损坏。请以填报人账号登录，或重新填写。",
    )
