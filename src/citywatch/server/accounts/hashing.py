"""Checking passwords without letting a flood of them take the machine."""

from threading import BoundedSemaphore

from django.contrib.auth.hashers import PBKDF2PasswordHasher

from citywatch.mechanisms.errors import Refusal

AT_ONCE = 4
_PATIENCE = 20.0  # seconds
_seats = BoundedSemaphore(AT_ONCE)


class DoorBusy(Refusal):
    """More people are at the door than passwords can be checked."""

    status = 503


class Patient(PBKDF2PasswordHasher):
    """PBKDF2, four at a time: the fifth waits, and is asked to come back when it has waited long."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        if not _seats.acquire(timeout=_PATIENCE):
            raise DoorBusy(
                "Too many people are signing in; try again in a minute.", zh="登录人数过多；请一分钟后重试。"
            )
        try:
            return super().encode(password, salt, iterations)
        finally:
            _seats.release()
