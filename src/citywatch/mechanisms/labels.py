"""Words that definitions carry in both languages; pages show the one of the active language."""

from dataclasses import dataclass

from django.utils.translation import get_language


@dataclass(frozen=True, slots=True)
class Label:
    """A Chinese and an English wording of one thing.

    >>> Label("发热", "Fever").in_language("en")
    'Fever'
    """

    zh: str
    en: str

    def in_language(self, language: str | None) -> str:
        return self.en if (language or "zh").startswith("en") else self.zh

    def __str__(self) -> str:
        return self.in_language(get_language())
