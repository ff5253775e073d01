"""The `citywatch` command. Each subcommand is a module of this folder, loaded when it is called.

Exit 0 done, 2 refused input (one line: what is wrong and what to do), 1 a fault of ours (one line).
"""

import importlib
import os
import sys
import traceback

import click

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Build the demo city, replay its outbreak and serve it."),
    "serve": ("serve", "Run the web server and the worker together."),
    "doctor": ("doctor", "Check the set-up; say what is wrong and how to mend it."),
    "simulate": ("simulate", "Write a synthetic city with known outbreaks to a folder."),
    "detect": ("detect", "Flag unusual points of time series in a file."),
    "estimate-r": ("estimate_r", "Tell how many people one case infects, from cases per day."),
    "nowcast": ("nowcast", "Say how many cases the last days will have when all reports are in."),
    "scan": ("scan", "Find where there have been too many cases of late."),
    "rank-places": ("rank_places", "Rank the places where cases may have been infected."),
    "contacts": ("contacts", "List who was near cases while they could infect."),
    "trace-goods": ("trace_goods", "Walk goods back from cases to the sources that explain them."),
    "chains": ("chains", "Say who infected whom, with alternatives and their support."),
    "rank-exposures": ("rank_exposures", "Rank exposures of a line list by the evidence against them."),
    "watch": ("watch", "Run detection over the city once, now or as of a past moment."),
    "import": ("import_tables", "Import a line list, contacts or form rows from a file."),
    "replay": ("replay", "Send a simulated city through the doors of a system of its own."),
    "score": ("score", "Hold what a replayed system said against what really happened."),
    "drill": ("drill", "Play a simulated city for people to practise on, and judge what they did."),
    "verify-journal": ("verify_journal", "Check the journal's chain and name the first broken entry."),
    "ledger": ("ledger", "Compare what came with what is stored, row by row."),
    "who-saw": ("who_saw", "List who was shown a person's identity or whereabouts, when and what for."),
    "whose-export": ("whose_export", "Tell from a part of an exported list who took it out."),
    "backup": ("backup", "Copy the whole installation while it works, and prove the copy."),
    "restore": ("restore", "Bring a backup back into an empty installation, and compare."),
    "retention": ("retention", "Say what expires when, by what law, and what is held."),
    "hold": ("hold", "Keep what the retention clocks would destroy, on somebody's order."),
    "purge": ("purge", "Make people's identities unreadable for good, with a certificate."),
    "journal-heads": ("journal_heads", "Write the journal's ends down where a cut tail will show."),
    "rotate-keys": ("rotate_keys", "Put new master keys in place of the old ones."),
    "admin": ("admin", "Make the three administrators; see and change roles."),
    "manage": ("manage", "Run one of Django's own commands."),
}


class Lazy(click.Group):
    """A group whose commands are imported only when asked for, so that file commands start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"citywatch.server.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = (
            module.command if hasattr(module, "command") else getattr(module, COMMANDS[cmd_name][0])
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, words) for name, (_module, words) in COMMANDS.items()])


@click.group(cls=Lazy)
@click.option("--engine", default=None, metavar="duckdb|spark://…", help="Where questions to the event log run.")
@click.version_option(package_name="citywatch")
def group(engine: str | None) -> None:
    """CityWatch (城市卫哨): the public-health nerve system of a city."""
    if engine:
        os.environ["CITYWATCH_ENGINE"] = engine


def main() -> None:
    """Run the command; never show a traceback unless CITYWATCH_TRACEBACK=1."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "citywatch.server.settings")
    try:
        group.main(standalone_mode=False)
    except click.UsageError as error:
        name = error.ctx.command_path if error.ctx else "citywatch"
        click.echo(f"citywatch: {error.format_message().rstrip('.')}; `{name} --help` lists what there is.", err=True)
        sys.exit(2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the last line of defence turns any fault into one sentence
        sys.exit(_explain(error))


def set_up() -> None:
    """Load Django, for the commands that need the city; an environment variable that makes no sense is refused."""
    import django
    from django.conf import settings

    from citywatch.mechanisms.errors import Refusal

    try:
        _ = settings.MODE
    except ValueError as error:
        raise Refusal(str(error)) from error
    django.setup()


def _explain(error: Exception) -> int:
    from citywatch.eventlog.engines import EngineUnavailable
    from citywatch.mechanisms.errors import Refusal

    if isinstance(error, Refusal | EngineUnavailable):
        click.echo(f"citywatch: {getattr(error, 'sentence', error)}", err=True)
        return 2
    if os.environ.get("CITYWATCH_TRACEBACK") == "1":
        traceback.print_exc()
    click.echo(
        f"citywatch: something broke on our side ({type(error).__name__}: {' '.join(str(error).split())}); "
        "run `citywatch doctor`, or set CITYWATCH_TRACEBACK=1 and report what it prints.",
        err=True,
    )
    return 1
