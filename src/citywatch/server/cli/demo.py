"""Build, replay and serve the demo city."""

import os
import shutil
import time
from pathlib import Path

import click

from citywatch.server.cli import set_up


@click.command()
@click.option("--reset", is_flag=True, help="Throw the demo city away and build it again.")
@click.option("--build-only", is_flag=True, help="Build and replay, but do not serve.")
def command(reset: bool, build_only: bool) -> None:
    """Build the demo city if there is none, give its six accounts new passwords, and serve it."""
    os.environ["CITYWATCH_MODE"] = "demo"
    set_up()
    from django.conf import settings

    from citywatch.mechanisms.errors import Refusal

    if settings.ENVIRONMENT.database_url and reset:
        raise Refusal(
            "--reset removes the demo's folder only; drop and create the PostgreSQL database yourself, then run again."
        )
    ready = Path(settings.HOME) / "demo" / "ready"
    if reset or not ready.exists():
        _build(ready)
    if not build_only:
        _serve()


def _build(ready: Path) -> None:
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.mechanisms.jurisdiction.models import Place
    from citywatch.server.demo import build, replay, story
    from citywatch.simulation.write import write_truth

    home = Path(settings.HOME)
    if home.exists() and not settings.ENVIRONMENT.database_url:
        for part in home.iterdir():
            if part.name != "keys":
                shutil.rmtree(part) if part.is_dir() else part.unlink()
    home.mkdir(parents=True, exist_ok=True)
    of = story.setting()
    begun = time.monotonic()
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[now]}"),
        TimeElapsedColumn(),
        console=console,
    ) as bar:
        task = bar.add_task(f"Building {of.city}", total=None, now="")
        call_command("migrate", verbosity=0)
        if Place.objects.exists():
            raise Refusal("This database already holds a city; give the demo an empty one in DATABASE_URL.")
        _hurry()
        clock.rewind_to(clock.start_of(of.first_day))
        city, outbreak = story.tell(of)
        ready.parent.mkdir(parents=True, exist_ok=True)
        write_truth(city, outbreak, path=ready.with_name("truth.csv"))
        build.lay_out(of, city)

        def show(done: int, total: int, day: str) -> None:
            bar.update(task, description=f"Replaying {of.city}", completed=done, total=total, now=day)

        replay.send(of, city, outbreak, after=clock.start_of(of.first_day), until=of.opens_at, progress=show)
    connection.close()
    ready.write_text("built\n")
    click.echo(f"Built and replayed in {time.monotonic() - begun:.0f} s.", err=True)


def _hurry() -> None:
    """Let SQLite not wait for the disk while the demo is built: an interrupted build starts again from nothing."""
    from django.db import connection

    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA synchronous=OFF")


def _serve() -> None:
    from citywatch.server.demo import build
    from citywatch.server.supervise import serve

    passwords = build.new_passwords()

    def ready(address: str) -> None:
        click.echo(f"\n  CityWatch 城市卫哨 (演示 demo)   {address}\n")
        for username, (role, password) in passwords.items():
            click.echo(f"    {username:<10} {password:<10} {role.title.zh} / {role.title.en}")
        click.echo("\n  New passwords at every start. Stop with Ctrl-C.\n")

    serve(ready=ready)
