"""Tries at the door, open sessions, and the last code each second factor was used with."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class Attempt(models.Model):
    """One password that was let through to be checked; counts as failed until it is known to be right."""

    at = models.DateTimeField(db_index=True)
    login = models.CharField(max_length=64)
    address = models.CharField(max_length=64)
    browser = models.CharField(max_length=32, blank=True)
    failed = models.BooleanField(default=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["login", "at"], name="signin_by_login"),
            models.Index(fields=["address", "at"], name="signin_by_address"),
        ]

    def __str__(self) -> str:
        return f"{'failed' if self.failed else 'good'} try at {self.at:%Y-%m-%d %H:%M}"


class OpenSession(models.Model):
    """Somebody signed in at one browser: since when, and when they last did something there."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    session_key = models.CharField(max_length=40, unique=True)
    begun_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    address = models.CharField(max_length=64)
    browser = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.account} since {self.begun_at:%Y-%m-%d %H:%M}"


class UsedCode(models.Model):
    """The newest time step whose code was used with one secret: an older or equal one is a replay (RFC 6238, 5.2)."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    secret = models.CharField(max_length=64)
    step = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "secret"], name="signin_one_step_per_secret")
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.step}"
