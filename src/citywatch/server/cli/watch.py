"""`citywatch watch`: one detection run over the city, now or as of a past moment."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from citywatch.server.cli import set_up

if TYPE_CHECKING:
    from citywatch.city.warn.types import Finding

_HEADER = ("stream", "syndrome", "street", "by", "first_day", "last_day", "observed", "expected", "upper", "detectors")


@click.command()
@click.option(
    "--at", "moment", default=None, metavar="TIME", help="A past moment, such as 2020-06-10T08:00 (city time)."
)
@click.option("--store", is_flag=True, help="Store what a run for a past moment finds; without --at it always is.")
def watch(moment: str | None, store: bool) -> None:
    """Run detection once and print what it finds.

    With --at it counts what was known at that moment and prints the signals as they would have been, storing nothing
    unless --store is given.
    """
    set_up()
    from citywatch.city.warn import services
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.journal import export

    export.engine()  # one that cannot run is refused before anything is counted
    at = _instant(moment, clock.now())
    run = services.watch(at=at, force=True) if store or moment is None else services.look(at=at)
    click.echo("\t".join(_HEADER))
    for line in _lines(run.findings):
        click.echo("\t".join(line))
    stored = f"; {run.raised} signals raised, {run.extended} extended, {run.proposals} proposals"
    told = stored if store or moment is None else "; nothing stored"
    shown = at.astimezone(clock.SHANGHAI).strftime("%Y-%m-%d %H:%M")
    click.echo(f"{shown}: {run.series} series, {len(run.findings)} signals, {run.took_ms} ms{told}", err=True)


def _instant(moment: str | None, now: datetime) -> datetime:
    from citywatch.mechanisms import clock
    from citywatch.mechanisms.errors import Refusal

    if moment is None:
        return now
    try:
        given = datetime.fromisoformat(moment)
    except ValueError:
        raise Refusal(f"--at: {moment!r} is not a time; write it as 2020-06-10T08:00.") from None
    at = (given if given.tzinfo else given.replace(tzinfo=clock.SHANGHAI)).astimezone(UTC)
    if at > now:
        raise Refusal(f"--at: {moment} lies after the city's present; give a past moment.")
    return at


def _lines(found: "tuple[Finding, ...]") -> list[tuple[str, ...]]:
    from citywatch.city.registry.queries import place_facts

    places = place_facts({one.key.street_id for one in found})
    return [
        (
            one.key.stream, one.key.syndrome, places[one.key.street_id].code, one.key.by, one.first_day.isoformat(),
            one.last_day.isoformat(), str(one.observed), f"{one.expected:.2f}", f"{one.upper:.2f}",
            ",".join(one.detectors),
        )
        for one in sorted(found, key=lambda one: (-one.score, one.key))
    ]  # fmt: skip
