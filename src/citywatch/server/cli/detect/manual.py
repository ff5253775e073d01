"""What `citywatch detect --help` says about the methods, straight from their catalogue."""

import json
from collections.abc import Sequence

import click

from citywatch.science.detect.catalogue import ALIASES, METHODS, Method
from citywatch.server.cli.tabular import TabularCommand

WIDTH = 110
_ASKED = "citywatch.detect.method"


class DetectCommand(TabularCommand):
    """The command whose help lists every method, or one method's settings at length where --method names it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Remember which method is meant before --help ends the reading, whichever of the two comes first."""
        ctx.meta[_ASKED] = _method_in(args)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.width = max(formatter.width, WIDTH)
        method = METHODS.get(ctx.meta.get(_ASKED, ""))
        if method:
            _one(formatter, method)
        else:
            _all(formatter)


def _method_in(args: Sequence[str]) -> str:
    found = ""
    for at, word in enumerate(args):
        if word == "--method" and at + 1 < len(args):
            found = args[at + 1]
        elif word.startswith("--method="):
            found = word.removeprefix("--method=")
    return ALIASES.get(found, found)


def _all(formatter: click.HelpFormatter) -> None:
    with formatter.section("Methods, their settings by default, and where these come from"):
        for method in METHODS.values():
            settings = ", ".join(f"{name} {_plain(s.default)}" for name, s in method.settings.items())
            also = f" (also {', '.join(method.aliases)})" if method.aliases else ""
            formatter.write_text(f"{method.name}{also}: {method.idea.en}.")
            with formatter.indentation():
                formatter.write_text(f"{settings}." if settings else "Nothing to set.")
                formatter.write_text(f"Defaults: {method.defaults_from}. Source: {method.source}.")
            formatter.write_paragraph()
    formatter.write_text("--method NAME --help tells one method at length, with R's names and defaults.")


def _one(formatter: click.HelpFormatter, method: Method) -> None:
    with formatter.section(f"{method.name}: {method.words.en} ({method.words.zh})"):
        formatter.write_text(f"{method.idea.en[:1].upper()}{method.idea.en[1:]}. Source: {method.source}.")
        formatter.write_paragraph()
        rows = [
            (f"{name} {_plain(setting.default)}", _about(method, name)) for name, setting in method.settings.items()
        ]
        formatter.write_dl(rows)
        formatter.write_paragraph()
        formatter.write_text(f"Defaults: {method.defaults_from}.")
        if method.reproduces_r:
            formatter.write_text('{"match_r": true} gives R\'s answers, its defaults and its quirks included.')


def _about(method: Method, name: str) -> str:
    setting = method.settings[name]
    told = f"{setting.words.en}; {setting.kind}"
    theirs = [r for r, ours in method.r_names.items() if ours == name and r != name]
    told += f"; in R {', '.join(theirs)}" if theirs else ""
    defaults = method.r_defaults or {}
    if name in defaults and defaults[name] != setting.default:
        told += f"; R's default {_plain(defaults[name])}"
    return told


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=list)
