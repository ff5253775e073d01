"""`citywatch drill`: a simulated city for people to practise on, in a system of its own."""

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from citywatch.server.cli import set_up
from citywatch.server.cli.tabular import TabularCommand


@click.group()
def command() -> None:
    """Play a simulated city for people to practise on, and judge what they did."""


@command.command(cls=TabularCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--speed", type=float, default=1.0, show_default=True, help="City time runs so many times as fast, 1 to 600."
)
@click.option("--home", type=click.Path(path_type=Path), default=None, help="The drill's own folder [drills/NAME].")
@click.option("--take-over", default=None, metavar="TIME", help="When people take over (city time); by default a day "
              "before the first positive.")  # fmt: skip
@click.option("--port", type=int, default=None, help="Where its pages are served [PORT, else 8000].")
@click.option("--build-only", is_flag=True, help="Prepare the drill, but do not serve it.")
def start(  # noqa: PLR0917 - one option each
    folder: Path, speed: float, home: Path | None, take_over: str | None, port: int | None, build_only: bool
) -> None:
    """Prepare a drill of FOLDER, give its six accounts passwords, and serve it while its city plays on."""
    from citywatch.server.drill import exercise
    from citywatch.server.replay.folder import Folder

    opened = Folder(folder)
    exercise.checked_speed(speed)
    home = home or Path(os.environ.get("CITYWATCH_HOME") or "var") / "drills" / folder.resolve().name
    _enter(home, opened.scenario.city)
    if port:
        os.environ["PORT"] = str(port)
    set_up()
    from django.core.management import call_command

    from citywatch.mechanisms import clock
    from citywatch.server.cli.progress import progress
    from citywatch.server.drill import playing

    call_command("migrate", verbosity=0)
    told = exercise.read(home)
    if told is None:
        moment = _instant(take_over) if take_over else None
        with progress() as bar:
            bar.stage(f"Preparing {opened.scenario.name}")

            def tell(at: datetime) -> None:
                del at
                bar.step(1)

            playing.prepare(opened, home=home, speed=speed, takes_over=moment, tell=tell)
        now = clock.now().astimezone(clock.SHANGHAI)
        click.echo(f"City time is {now:%Y-%m-%d %H:%M}; people take over.", err=True)
    elif not told.ended and click.get_current_context().get_parameter_source("speed") is ParameterSource.COMMANDLINE:
        exercise.set_speed(home, speed)
    if not build_only:
        _serve(home)


@command.command(cls=TabularCommand)
@click.option("--home", type=click.Path(path_type=Path), required=True, help="The drill's own folder.")
def play(home: Path) -> None:
    """Send the city of a prepared drill on at its speed (`start` runs this beside the pages)."""
    told = _opened(home)
    set_up()
    from citywatch.server.drill import playing

    done = playing.play(home)
    click.echo(f"{told.folder}: {done.messages} messages; the drill has ended.", err=True)
    _wait_for_ever()


@command.command(cls=TabularCommand)
@click.option("--home", type=click.Path(path_type=Path), required=True, help="The drill's own folder.")
def end(home: Path) -> None:
    """End a drill, as its commander's button does."""
    _opened(home)
    set_up()
    from citywatch.mechanisms import clock
    from citywatch.server.drill import exercise

    click.echo(f"Ended at {exercise.end(home, at=clock.now()).ended} (city time, UTC).")


@command.command(cls=TabularCommand)
@click.option("--home", type=click.Path(path_type=Path), required=True, help="The drill's own folder.")
@click.option("--docx", type=click.Path(path_type=Path), default=None, help="Write the sheet there as a Word document.")
def sheet(home: Path, docx: Path | None) -> None:
    """Print the after-action sheet of a drill that has ended."""
    told = _opened(home)
    set_up()
    from citywatch.server.drill import watermark
    from citywatch.server.drill.after_action import sheet as judge
    from citywatch.server.drill.document import after_action_docx, judged, shown
    from citywatch.server.replay.folder import Folder

    made = judge(told, Folder(Path(told.folder)))
    click.echo(f"{watermark.BOTH}  {made.scenario}  x{made.speed:g}  {shown(made.takes_over)} - {shown(made.ended)}")
    for one in made.steps:
        minutes = "-" if one.minutes is None else str(one.minutes)
        click.echo(f"{one.label.en}\t{shown(one.since)}\t{shown(one.done)}\t{minutes} min\t{judged(one.right)}")
    for name, ones in (("closed", made.closed), ("verified", made.verified)):
        wrong = [one for one in ones if not one.right]
        click.echo(f"{name}: {len(ones)}, of which wrong: {', '.join(str(one.proposal) for one in wrong) or 'none'}")
    if docx is not None:
        docx.write_bytes(watermark.marked_document(after_action_docx(made)))


def _opened(home: Path):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a frozen value of a module loaded late
    from citywatch.mechanisms.errors import Refusal
    from citywatch.server.drill import exercise
    from citywatch.server.replay.folder import Folder

    told = exercise.read(home)
    if told is None:
        raise Refusal(f"{home} holds no drill; start one with `citywatch drill start DIR --home {home}`.")
    _enter(home, Folder(Path(told.folder)).scenario.city)
    return told


def _enter(home: Path, city: str) -> None:
    """From here on the installation is the drill's own, whatever else is configured."""
    os.environ |= {"CITYWATCH_MODE": "drill", "CITYWATCH_HOME": str(home.resolve()), "CITY": city}
    os.environ.pop("DATABASE_URL", None)


def _serve(home: Path) -> None:
    from citywatch.server.drill import exercise, watermark
    from citywatch.server.supervise import serve

    def ready(address: str) -> None:
        told = exercise.read(home)
        if told is not None:
            exercise.write(home, replace(told, address=address))
        click.echo(f"\n  CityWatch 城市卫哨 ({watermark.BOTH})   {address}\n")
        for username, password in exercise.accounts(home).items():
            click.echo(f"    {username:<10} {password}")
        click.echo("\n  Stop with Ctrl-C.\n")

    serve(
        ready=ready,
        worker=[sys.executable, "-m", "citywatch.server.cli", "drill", "play", "--home", str(home.resolve())],
    )


def _wait_for_ever() -> None:
    """The pages stay up after the end; a worker that stopped would be started again."""
    import threading

    threading.Event().wait()


def _instant(text: str) -> datetime:
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal

    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(f"--take-over: {text!r} is not a time; write it as 2020-06-10T08:00.") from None
    return (given if given.tzinfo else given.replace(tzinfo=clock.SHANGHAI)).astimezone(UTC)
