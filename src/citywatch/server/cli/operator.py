"""Who acts when a command is run at the machine itself: its operator, for the whole city, named in the journal."""

import getpass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # models load only after set_up
    from citywatch.mechanisms.jurisdiction.models import Place
    from citywatch.mechanisms.jurisdiction.types import Viewer


def operator(*abilities: str) -> "tuple[Viewer, Place]":
    """The operator with these abilities over the whole city, and the city."""
    from citywatch.city.registry.queries import city_place
    from citywatch.mechanisms.jurisdiction.services import machine

    city = city_place()
    return machine(f"operator:{_login()}", place=city, abilities=abilities), city


def _login() -> str:
    try:
        return getpass.getuser()[:32]
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "unknown"
