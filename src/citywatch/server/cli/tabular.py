"""The manners all commands on files share: refused input ends in exit 2 and one line, never a traceback."""

import click

from citywatch.mechanisms.errors import Refusal

REFUSED = 2


class OneLine(click.ClickException):
    """A refusal as one line on standard error, exit 2."""

    exit_code = REFUSED

    def show(self, file: object = None) -> None:
        """Print the sentence and nothing else, so that a script can log the line."""
        del file
        click.echo(" ".join(self.message.split()), err=True)


class TabularCommand(click.Command):
    """A command that reads a table and writes one; refusals and wrong options alike end in one line."""

    def make_context(self, *args: object, **kwargs: object) -> click.Context:
        """Read the options; a wrong one is refused in one line that names the way to the right one."""
        try:
            return super().make_context(*args, **kwargs)  # type: ignore[arg-type]
        except click.UsageError as error:
            sentence = f"{error.format_message().rstrip('.')}; --help lists what {self.name} takes."
            raise OneLine(sentence) from error

    def invoke(self, ctx: click.Context) -> object:
        """Run; what the work refuses is told in the sentence it was refused with."""
        try:
            return super().invoke(ctx)
        except Refusal as refusal:
            raise OneLine(refusal.sentence) from refusal
