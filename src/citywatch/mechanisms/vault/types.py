"""What identifies a person, and how it is shown when it must not be shown whole."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Identity:
    """The fields that name a person. Empty means not known."""

    name: str = ""
    id_number: str = ""
    phone: str = ""
    address: str = ""
    birth_date: str = ""
    guardian_name: str = ""

    @classmethod
    def of(cls, values: dict[str, str]) -> "Identity":
        return cls(**{name: values.get(name) or "" for name in IDENTITY_FIELDS})

    def known(self) -> dict[str, str]:
        return {name: value for name in IDENTITY_FIELDS if (value := getattr(self, name))}

    def masked(self) -> "Identity":
        """How pages show a person by default.

        >>> shown = Identity(name="张小明", id_number="11010119680101123X", phone="19900001234").masked()
        >>> shown.name, shown.id_number, shown.phone
        ('张**', '110***********123X', '199****1234')
        """
        return Identity(
            name=mask_name(self.name),
            id_number=self.id_number[:3] + "*" * 11 + self.id_number[-4:] if self.id_number else "",
            phone=self.phone[:3] + "****" + self.phone[-4:] if self.phone else "",
        )


IDENTITY_FIELDS = tuple(f.name for f in fields(Identity))


def mask_name(name: str) -> str:
    """The family name, then a star for each further character.

    >>> mask_name("欧阳娜")
    '欧**'
    """
    return name[:1] + "*" * (len(name) - 1)
