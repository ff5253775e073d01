"""The administrators of an installation, and its roles."""

import re
import secrets

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.operator import operator

_ABILITY = re.compile(r"[a-z]+(\.[a-z_]+)+")


@click.group()
def command() -> None:
    """Make the three administrators; see and change what roles may do."""


@command.command()
@click.option("--username", default="admin", show_default=True, help="Makes accounts (系统管理员).")
@click.option("--security", default="security", show_default=True, help="Gives rights (安全管理员).")
@click.option("--auditor", default="auditor", show_default=True, help="Reads the record (审计管理员).")
@click.option("--city", default=None, help="Lay out this city's districts first: beijing or xiamen.")
def create(username: str, security: str, auditor: str, city: str | None) -> None:
    """Make the three administrators, and print their passwords once; a new installation has no other account.

    Making accounts, giving rights and reading the record are three people's work: give each password to one person.
    """
    set_up()
    from django.core.management import call_command
    from django.db import transaction

    from citywatch.city.registry import reference
    from citywatch.city.registry.services import grant, import_roles, lay_city, make_account
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.jurisdiction.models import Account, Place

    call_command("migrate", verbosity=0)
    wanted = {username: "system_admin", security: "security_admin", auditor: "auditor"}
    if len(wanted) < 3:
        raise Refusal("The three administrators are three people; give three different names.")
    for name in wanted:
        if Account.objects.filter(username__iexact=name).exists():
            raise Refusal(
                f"There is already an account {name!r}; choose other names (see `citywatch admin create --help`)."
            )
    if not Place.objects.exists():
        if city not in reference.CITIES:
            missing = "This installation has no city yet" if city is None else f"There are no tables of {city!r}"
            raise Refusal(f"{missing}; add --city {' or --city '.join(reference.CITIES)}.")
        lay_city(city)
    by, place = operator("grants.manage")
    told = []
    with transaction.atomic():
        import_roles()
        titles = {role.code: role for role in reference.roles()}
        for name, role in wanted.items():
            password = secrets.token_urlsafe(12)
            account = make_account(
                username=name,
                password=password,
                place=place,
                title_zh=titles[role].name_zh,
                title_en=titles[role].name_en,
                is_admin=role == "system_admin",
            )
            grant(account, role=role, place=place, by=by, at=clock.now(), because="first administrators")
            told.append((name, password, titles[role]))
    width = max(len(name) for name, _, _ in told)
    for name, password, task in told:
        click.echo(f"{name:<{width}}  {password}  {task.name_zh} / {task.name_en}")
    click.echo("Shown once. Give each to one person; at the first sign-in each sets up a second factor.")


@command.command()
@click.option("--take", is_flag=True, help="Bring in what this installation lacks.")
def roles(take: bool) -> None:
    """Show what the roles that come with this version can do and this installation's cannot.

    An edited role stays as it was edited; abilities are only ever added, and only with --take.
    """
    set_up()
    from citywatch.city.registry import reference
    from citywatch.city.registry.administering import change_role
    from citywatch.city.registry.services import import_roles
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.jurisdiction.models import Role

    here = {role.code: role for role in Role.objects.all()}
    by, city = operator("grants.manage")
    same = True
    for role in reference.roles():
        have = here[role.code].abilities if role.code in here else []
        if lacking := [ability for ability in role.abilities if ability not in have]:
            same = False
            click.echo(f"{role.code}: {' '.join(lacking)}{'' if role.code in here else '  (new role)'}")
            if take and role.code in here:
                change_role(
                    here[role.code],
                    abilities=[*have, *lacking],
                    by=by,
                    at=clock.now(),
                    because="new version",
                    city=city,
                )
    if take:
        import_roles()
    if same:
        click.echo("Every role can do what this version gives it.")
    elif not take:
        click.echo("Not taken; run `citywatch admin roles --take` to bring these in.")


@command.command()
@click.argument("code")
@click.option("--add", multiple=True, metavar="ABILITY", help="An ability the role is to have.")
@click.option("--remove", multiple=True, metavar="ABILITY", help="An ability it is to lose.")
@click.option("--because", required=True, help="The reason, kept in the journal.")
def role(code: str, add: tuple[str, ...], remove: tuple[str, ...], because: str) -> None:
    """Give a role other abilities, on record; whoever holds it begins a new session."""
    set_up()
    from citywatch.city.registry.administering import change_role
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.jurisdiction.models import Role
    from citywatch.mechanisms.jurisdiction.types import SEPARATED

    row = Role.objects.filter(code=code).first()
    if row is None:
        raise Refusal(
            f"There is no role {code!r}; the roles are {', '.join(Role.objects.values_list('code', flat=True))}."
        )
    if wrong := [ability for ability in (*add, *remove) if not _ABILITY.fullmatch(ability)]:
        raise Refusal(f"{wrong[0]!r} is no ability; abilities look like warn.view.")
    abilities = [ability for ability in row.abilities if ability not in remove]
    abilities += [ability for ability in add if ability not in abilities]
    if len(SEPARATED & set(abilities)) > 1:
        raise Refusal("No role may hold two of accounts.manage, grants.manage and journal.audit.")
    by, city = operator("grants.manage")
    change_role(row, abilities=abilities, by=by, at=clock.now(), because=because, city=city)
    click.echo(f"{code}: {' '.join(abilities)}")
