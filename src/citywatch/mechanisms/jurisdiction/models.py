"""The place tree, accounts, roles and grants, and the queryset that shows nothing unless a grant reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language

from citywatch.mechanisms.errors import NotAllowed, NotFound
from citywatch.mechanisms.jurisdiction.types import Held

if TYPE_CHECKING:
    from collections.abc import Collection

    from citywatch.mechanisms.jurisdiction.types import Viewer

NOTHING_HERE = "Nothing here is visible to you under that number; check it, or ask the district that owns it."
NOTHING_HERE_ZH = "这里没有您可以查看的内容；请核对编号，或联系所属区处理。"

_LARGEST_KEY = 2**63 - 1  # SQLite breaks off at a larger number instead of finding nothing


class Account(AbstractUser):
    """A person who can sign in. What they may do is in their grants, never here."""

    title_zh = models.CharField(max_length=64, blank=True)
    title_en = models.CharField(max_length=64, blank=True)

    held: tuple[Held, ...] | None = None
    """What it holds, where that was read along with it."""

    @property
    def title(self) -> str:
        zh = not (get_language() or "zh").startswith("en")
        return (self.title_zh if zh else self.title_en) or self.username

    def has_perm(self, perm: str, obj: object = None) -> bool:  # noqa: ARG002 - Django's signature
        """Django's admin is for the registry's tables: who may do what is decided elsewhere, also for a superuser."""
        registry = perm.startswith("registry.") or perm in {"jurisdiction.view_place", "jurisdiction.change_place"}
        return self.is_active and self.is_staff and registry

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_staff and app_label in {"registry", "jurisdiction"}


class Place(models.Model):
    """A node of the city: city, district, street, institution, or somewhere people meet."""

    class Kind(models.TextChoices):
        CITY = "city"
        DISTRICT = "district"
        STREET = "street"
        INSTITUTION = "institution"
        MARKET = "market"
        HALL = "hall"
        SCHOOL = "school"
        WORKPLACE = "workplace"
        RESTAURANT = "restaurant"
        TRANSPORT = "transport"
        SHOP = "shop"
        PARK = "park"
        STALL = "stall"
        NURSING_HOME = "nursing_home"
        WAREHOUSE = "warehouse"
        IMPORTER = "importer"

    code = models.CharField(max_length=40, unique=True)
    kind = models.CharField(max_length=16, choices=Kind.choices, db_index=True)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="children")
    path = models.CharField(max_length=200, unique=True)
    name_zh = models.CharField(max_length=100)
    name_en = models.CharField(max_length=160)
    lon = models.FloatField(null=True, blank=True)
    lat = models.FloatField(null=True, blank=True)
    population = models.PositiveIntegerField(null=True, blank=True)
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(path__endswith="/"), name="place_path_ends_in_slash"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="place_validity_in_order"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return self.name_en if (get_language() or "zh").startswith("en") else self.name_zh

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes from the city down to this place."""
        return tuple(self.path.rstrip("/").split("/"))

    @property
    def district_code(self) -> str:
        return self.codes[1] if len(self.codes) > 1 else ""

    @property
    def street_code(self) -> str:
        return self.codes[2] if len(self.codes) > 2 else ""


class Role(models.Model):
    """A named set of abilities; giving a role a new right is an edit of this row.

    `second_factor` and `idle_minutes` say how carefully whoever holds it must sign in; of several roles the strictest
    holds.
    """

    code = models.CharField(max_length=40, unique=True)
    name_zh = models.CharField(max_length=64)
    name_en = models.CharField(max_length=64)
    abilities = models.JSONField(default=list)
    second_factor = models.BooleanField(default=False)
    idle_minutes = models.PositiveSmallIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name_en if (get_language() or "zh").startswith("en") else self.name_zh


class Grant(models.Model):
    """One account holds one role over one subtree, until a moment (or until withdrawn)."""

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="grants")
    role = models.ForeignKey(Role, on_delete=models.PROTECT)
    place = models.ForeignKey(Place, on_delete=models.PROTECT)
    granted_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    because = models.CharField(max_length=200, blank=True)

    def __str__(self) -> str:
        return f"{self.account} as {self.role} in {self.place}"


class MachineKey(models.Model):
    """A credential for a reporting system, bound to one institution; only its hash is kept."""

    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    place = models.ForeignKey(Place, on_delete=models.PROTECT)
    abilities = models.JSONField(default=list)
    issued_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.place})"


class ScopedQuerySet(models.QuerySet[Any]):
    """Rows of one place each; a viewer sees those whose place lies under one of their grants."""

    def visible_to(self, viewer: Viewer, ability: str | None = None) -> Self:
        """Rows the viewer's grants reach, for the model's own view ability unless another is named."""
        wanted = ability or self.model.VIEW
        paths = viewer.paths(wanted)
        field, kind = self.model.OPENED or ("pk", self.model._meta.label_lower)
        opened = viewer.opened.get(kind) if wanted in {self.model.VIEW, "vault.masked"} else None
        if not paths and not opened:
            return self.none()
        reach = Q(**{f"{field}__in": opened}) if opened else Q()
        for path in paths:
            reach |= Q(place__path__startswith=path)
        return self.filter(reach)

    def pick(self, ids: Collection[int]) -> list[models.Model]:
        """Exactly these rows, in the order asked; refuses rather than drops what is absent or hidden."""
        found = {row.pk: row for row in self.filter(pk__in=[pk for pk in ids if pk <= _LARGEST_KEY])}
        if len(found) != len(set(ids)):
            raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
        return [found[pk] for pk in ids]

    def pick_one(self, pk: int) -> models.Model:
        return self.pick([pk])[0]


class JurisdictionModel(models.Model):
    """A row that belongs to one place. Subclasses name the ability that shows them in `VIEW`.

    `OPENED` names the field and the kind by which an emergency shows a row, where it is not the row itself.
    """

    VIEW: ClassVar[str]
    OPENED: ClassVar[tuple[str, str] | None] = None

    place = models.ForeignKey(Place, on_delete=models.PROTECT, related_name="+")

    objects = ScopedQuerySet.as_manager()

    class Meta:
        abstract = True


class Opening(JurisdictionModel):
    """One row opened in an emergency by somebody whose places do not reach it: why, until when, how it was reviewed.

    `place` is the row's own; `person` is a number, kept apart from the vault's relations.
    """

    VIEW: ClassVar[str] = "emergency.see"

    account = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    number = models.BigIntegerField()
    person = models.BigIntegerField(null=True, blank=True)
    because = models.TextField()
    opened_at = models.DateTimeField()
    until = models.DateTimeField()
    justified = models.BooleanField(null=True, blank=True)
    finding = models.TextField(blank=True)
    reviewed_by = models.CharField(max_length=64, blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(until__gt=F("opened_at")), name="opening_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(justified__isnull=True, reviewed_at__isnull=True)
                | Q(justified__isnull=False, reviewed_at__isnull=False),
                name="opening_reviewed_as_justified_or_not",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.number} by {self.account}"


def must(viewer: Viewer, ability: str, place: Place) -> None:
    """Refuse unless the viewer holds `ability` at `place`."""
    if not viewer.may(ability, place.path):
        raise NotAllowed(
            f"Your role does not allow this at {place.name_en} ({ability}); ask your administrator.",
            zh=f"您的角色无权在{place.name_zh}进行此操作（{ability}）；请联系管理员。",
        )
