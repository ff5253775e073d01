"""The paper a purge leaves behind: what was destroyed, that it was looked for and not found, and whose word that is.

Signed with the installation's own Ed25519 key; whoever holds the public half can check it without this system.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from citywatch.mechanisms.vault.sealing import key_named

SIGNING = "signing"


def root_of(pseudonyms: Sequence[str]) -> str:
    """The Merkle root over the pseudonyms in order: one digest that stands for the whole list.

    >>> root_of([]) == hashlib.sha256(b"").hexdigest()
    True
    >>> root_of(["p-1", "p-2"]) == root_of(["p-2", "p-1"])
    True
    """
    level = [hashlib.sha256(b"\x00" + one.encode()).digest() for one in sorted(pseudonyms)]
    if not level:
        return hashlib.sha256(b"").hexdigest()
    while len(level) > 1:
        pairs = [level[start : start + 2] for start in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\x01" + b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]
    return level[0].hex()


def sign(told: Mapping[str, Any]) -> dict[str, Any]:
    """The certificate with the public key and the signature over everything else in it."""
    key = Ed25519PrivateKey.from_private_bytes(key_named(SIGNING))
    whole = {**told, "public_key": key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()}
    return {**whole, "signature": key.sign(_canonical(whole)).hex()}


def holds(certificate: Mapping[str, Any]) -> bool:
    """Whether the signature is that of the public key in it. Compare that key with the one printed at installation."""
    told = {name: value for name, value in certificate.items() if name != "signature"}
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(certificate["public_key"]))
        public.verify(bytes.fromhex(certificate["signature"]), _canonical(told))
    except (InvalidSignature, KeyError, ValueError):
        return False
    return True


def digest_of(certificate: Mapping[str, Any]) -> str:
    """What the journal remembers of a certificate."""
    return hashlib.sha256(_canonical(certificate)).hexdigest()


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
