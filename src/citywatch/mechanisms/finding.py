"""What somebody seeks by a number, a barcode or words of a title, and what an area found of it for them to see."""

import re
from dataclasses import dataclass
from typing import Any

from citywatch.mechanisms.forms.identifiers import tidy
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault.pseudonyms import as_code

MOST = 20
"""Of each kind: whoever sees more has to say more precisely what they seek."""
_LARGEST = 2**63 - 1
_FEWEST = 2
_NUMBERED = re.compile(r"([A-Z]?)0*([0-9]{1,18})")
_DOCUMENT = re.compile(r"[0-9]{15}|[0-9]{17}[0-9X]")


@dataclass(frozen=True, slots=True)
class Sought:
    """What was typed: as words, and as the number of a page (C0017 is case 17) where it can be one.

    >>> Sought.of(" ｃ0017 ").numbers("C"), Sought.of("17").numbers("K"), Sought.of("C0017").numbers("K")
    ([17], [17], [])
    """

    words: str
    letter: str = ""
    number: int = 0

    @classmethod
    def of(cls, typed: str) -> "Sought":
        numbered = _NUMBERED.fullmatch(tidy(typed))
        words = " ".join(typed.split())
        return cls(words, numbered[1], int(numbered[2])) if numbered else cls(words)

    @property
    def is_enough(self) -> bool:
        return bool(self.number) or len(self.words) >= _FEWEST

    @property
    def is_a_person(self) -> bool:
        """Whether it is an ID number or somebody's code outside, written with its dashes (a barcode has none).

        Those are sought with a purpose and on record, and never stand in an address.
        """
        return bool(_DOCUMENT.fullmatch(tidy(self.words)) or ("-" in self.words and as_code(self.words)))

    def numbers(self, letter: str) -> list[int]:
        """The row whose pages call it by this letter and the number, if that can be meant."""
        return [self.number] if 0 < self.number <= _LARGEST and self.letter in {"", letter} else []


@dataclass(frozen=True, slots=True)
class Found:
    """A row to go to: what kind it is, what pages call it, where it stands, and what else tells it from the next."""

    kind: str
    number: int
    title: Label | str
    place: Label
    state: Label
    is_done: bool = False

    @classmethod
    def row(cls, kind: str, row: Any, title: Label | str, number: int | None = None) -> "Found":
        """A worked row, named by its place and state; `number` is of the page to go to, where that is another's."""
        place = Label(row.place.name_zh, row.place.name_en)
        return cls(kind, number or row.pk, title, place, row.state_label, row.is_done)
