"""What everybody who writes a world's papers needs: where, when, who, and a number for each row."""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.canary.ground import AT, DISTRICTS, SITES, Base, Told, next_numbers
from tests.canary.oracle import Row

from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.lifecycle.models import Clock


class Papers:
    """The people of some districts and everything written about them; `order` keeps two such sets apart.

    Filled in turn by `papers_reported`, `papers_traced` and `papers_done`, each of which uses what is there before it.
    """

    def __init__(self, draw: random.Random, base: Base, told: Told, districts: Sequence[str], *, order: int) -> None:
        self.draw, self.base, self.told, self.world = draw, base, told, told.world
        self.districts, self.order = districts, order
        self.people: list[int] = []
        self.barcodes: set[str] = set()
        self.submissions: list[Any] = []
        self.samples: list[Any] = []
        self.proposals: list[Any] = []
        self.signals: list[Any] = []
        self.events: list[Any] = []
        self.investigations: list[Any] = []
        self.cases: list[Any] = []
        self.contacts: list[Any] = []
        self.incidents: list[Any] = []

    # ---- where, when, who ----------------------------------------------------------------------------------------

    def district(self) -> Place:
        return self.base.places[self.draw.choice(list(self.districts))]

    def district_of(self, place: Place) -> Place:
        return self.base.places[place.path.split("/")[1]]

    def street(self) -> Place:
        return self.base.places[DISTRICTS[self.draw.choice(list(self.districts))]]

    def site(self, suffix: str = "") -> Place:
        return self.base.places[f"{self.street().code}-{suffix or self.draw.choice([*SITES])}"]

    def market(self) -> Place:
        return self.base.places[f"{self.street().code}-M01"]

    def person(self) -> int:
        return self.draw.choice(self.people)

    def before(self, hours: int = 60) -> datetime:
        return AT - timedelta(minutes=self.draw.randrange(1, hours * 60))

    def keep(
        self, rows: list[Any], *, about: Callable[[Any], dict[str, Any]] | None = None, text: str = ""
    ) -> list[Any]:
        """Store rows, write each one's own number into its texts, and tell the oracle of them."""
        if not rows:
            return rows
        model = type(rows[0])
        for row, number in zip(rows, next_numbers(model, len(rows)), strict=True):
            row.pk = number
            for name in text.split():
                setattr(row, name.removeprefix("#"), f"L{number}" if name.startswith("#") else f"x{number}x")
        made = model._default_manager.bulk_create(rows)
        for row in made:
            kind = str(row._meta.model_name)
            self.world.rows[kind, row.pk] = Row(kind, row.pk, row.place.path, **(about(row) if about else {}))
            self.told.numbers.setdefault(kind, []).append(row.pk)
        return made

    def add_to(self, key: tuple[str, int], *more: tuple[str, int]) -> None:
        row = self.world.rows[key]
        self.world.rows[key] = Row(
            row.kind, row.number, row.path, row.names, row.person, row.owner, (*row.members, *more)
        )

    def clocks(self, code: str, rows: Sequence[Any]) -> None:
        for row in rows:
            began = self.before()
            Clock.objects.create(
                place=row.place, code=code, subject_kind=row._meta.label_lower, subject_id=row.pk, started_at=began,
                due_at=began + timedelta(hours=12),
            )  # fmt: skip
