"""`citywatch replay`: a simulated city's folder, sent through the doors."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from citywatch.server.cli import set_up
from citywatch.server.cli.tabular import TabularCommand

PACES = ("nightly", "near", "hourly", "quarter")


@click.command(cls=TabularCommand)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--until", default=None, metavar="TIME", help="Stop there, such as 2020-06-11T01:15 (city time).")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=None,
    metavar="N",
    help="City time runs N times as fast as the wall's; without it as fast as the system takes it.",
)
@click.option(
    "--detect",
    "pace",
    type=click.Choice(PACES),
    default="near",
    show_default=True,
    help="When detection runs: every night; nightly and hourly for three days after an orange or red proposal; "
    "every hour; every quarter of an hour.",
)
@click.option("--no-desk", is_flag=True, help="Nobody verifies positives, opens investigations or interviews cases.")
def replay(folder: Path, until: str | None, speed: float | None, pace: str, no_desk: bool) -> None:
    """Send FOLDER, written by `citywatch simulate`, into the configured system, and detect as time passes.

    An empty system is laid out from the folder; one that this folder began goes on where it was left, so a replay that
    was stopped is simply run again. City time moves with what is sent.
    """
    os.environ.setdefault("CITYWATCH_MODE", "drill")
    from citywatch.server.replay.folder import Folder  # before Django: a damaged folder is refused at once

    opened = Folder(folder)
    os.environ.setdefault("CITY", opened.scenario.city)
    set_up()
    from django.core.management import call_command

    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal
    from citywatch.server.cli.progress import progress
    from citywatch.server.replay.running import replay as run
    from citywatch.server.replay.sending import NoHands

    of = opened.scenario
    end = of.ends if until is None else _instant(until)
    if end <= of.begins:
        raise Refusal(f"--until: {until} lies before the folder begins ({of.start}); give a later moment.")
    call_command("migrate", verbosity=0)
    with progress() as bar:
        bar.stage(f"Replaying {of.name}", total=of.days)
        shown = [0]

        def tell(at: datetime) -> None:
            done = (clock.day_of(at) - of.start).days
            bar.step(done - shown[0])
            shown[0] = done

        done = run(opened, until=end, speed=speed, pace=pace, hands=NoHands() if no_desk else None, tell=tell)  # type: ignore[arg-type]
    days = (done.until - done.begun).total_seconds() / 86400
    click.echo(
        f"{of.name}: {done.messages} messages, {days:.1f} days in {done.seconds:.0f} s; city time is "
        f"{done.until.astimezone(clock.SHANGHAI):%Y-%m-%d %H:%M}.",
        err=True,
    )


def _instant(text: str) -> datetime:
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal

    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(f"--until: {text!r} is not a time; write it as 2020-06-11T01:15.") from None
    return (given if given.tzinfo else given.replace(tzinfo=clock.SHANGHAI)).astimezone(UTC)
