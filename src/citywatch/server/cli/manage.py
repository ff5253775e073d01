"""Django's own commands under our name, for those who run the installation."""

import click


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def command(arguments: tuple[str, ...]) -> None:
    """Run one of Django's own commands, such as `migrate` or `shell`."""
    from django.core.management import execute_from_command_line

    execute_from_command_line(["citywatch manage", *arguments])
