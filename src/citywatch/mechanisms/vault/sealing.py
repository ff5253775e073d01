"""Sealing bytes: AES-256-GCM, or SM4-GCM where commercial cryptography is required, and the keyring on disk.

Keys live in files outside the database (mode 0600, folder `CITYWATCH_KEYS`). Additional data binds a ciphertext to its
table, column and row, so one pasted onto another row does not open.
"""

import hmac
import os
import secrets
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from django.conf import settings

_NONCE = 12
_TAG = 16
_AES, _SM4 = b"\x01", b"\x02"


class SealBroken(Exception):
    """A sealed value does not open: wrong key, moved to another row, or damaged."""


def seal(plain: bytes, *, key: bytes, bound_to: str) -> bytes:
    """Encrypt under the configured cipher; the first byte says which, so a switch keeps old values readable."""
    nonce = os.urandom(_NONCE)
    if settings.CITYWATCH_CIPHER == "sm4":
        machine = Cipher(SM4(key[:16]), modes.GCM(nonce)).encryptor()
        machine.authenticate_additional_data(bound_to.encode())
        return _SM4 + nonce + machine.update(plain) + machine.finalize() + machine.tag
    return _AES + nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def unseal(sealed: bytes | memoryview, *, key: bytes, bound_to: str) -> bytes:
    """Decrypt what `seal` made. Raises `SealBroken`."""
    sealed = bytes(sealed)
    kind, nonce, rest = sealed[:1], sealed[1 : 1 + _NONCE], sealed[1 + _NONCE :]
    try:
        if kind == _SM4:
            machine = Cipher(SM4(key[:16]), modes.GCM(nonce, rest[-_TAG:])).decryptor()
            machine.authenticate_additional_data(bound_to.encode())
            return machine.update(rest[:-_TAG]) + machine.finalize()
        return AESGCM(key).decrypt(nonce, rest, bound_to.encode())
    except InvalidTag as error:
        raise SealBroken(f"A sealed value bound to {bound_to} does not open with its key.") from error


def blind(text: str, *, purpose: str) -> str:
    """A keyed hash for finding equal values without holding them; a plain hash of an ID could be reversed by trial."""
    return blind_many([text], purpose=purpose)[0]


def blind_many(texts: Iterable[str], *, purpose: str) -> list[str]:
    """`blind` of each text, with the key fetched once."""
    key = key_named("index")
    return [hmac.digest(key, f"{purpose}\x00{text}".encode(), "sha256").hex() for text in texts]


def key_named(name: str) -> bytes:
    """A 256-bit key of the installation, made on first use."""
    return _read_key(str(settings.CITYWATCH_KEYS), name)


@lru_cache
def _read_key(folder: str, name: str) -> bytes:
    path = Path(folder) / f"{name}.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(secrets.token_bytes(32))
            out.flush()
            os.fsync(out.fileno())
        try:
            os.link(fresh, path)  # the first process to link wins; another's key is never overwritten
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()
