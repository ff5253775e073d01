"""Run the installation."""

import click

from citywatch.server.cli import set_up


@click.command()
def command() -> None:
    """Run the web server and the worker together, restarting either when it stops."""
    set_up()
    from citywatch.server.supervise import serve

    serve()
