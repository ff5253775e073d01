"""The first administrator of an installation."""

import secrets

import click

from citywatch.server.cli import set_up


@click.group()
def command() -> None:
    """Make the first administrator."""


@command.command()
@click.option("--username", default="admin", show_default=True)
@click.option("--city", default=None, help="Lay out this city's districts first: beijing or xiamen.")
def create(username: str, city: str | None) -> None:
    """Make an administrator's account and print its password once; a new installation has no other account."""
    set_up()
    from django.core.management import call_command

    from citywatch.city.registry import reference
    from citywatch.city.registry.queries import city_place
    from citywatch.city.registry.services import lay_city, make_account
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.jurisdiction.models import Account, Place

    call_command("migrate", verbosity=0)
    if Account.objects.filter(username=username).exists():
        raise Refusal(f"There is already an account {username!r}; choose another name with --username.")
    if not Place.objects.exists():
        if city not in reference.CITIES:
            wanted = "This installation has no city yet" if city is None else f"There are no tables of {city!r}"
            raise Refusal(f"{wanted}; add --city {' or --city '.join(reference.CITIES)}.")
        lay_city(city)
    password = secrets.token_urlsafe(12)
    make_account(
        username=username,
        password=password,
        place=city_place(),
        title_zh="系统管理员",
        title_en="Administrator",
        is_admin=True,
    )
    click.echo(
        f"{username}  {password}\nShown once. Sign in, add a second factor at /accounts/2fa/, grant roles in /admin/."
    )
