"""How far a long command has come, on standard error and only where somebody is looking."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    """A bar that is told which stage of the work begins, and how much of it each round has done."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage of so many steps; None where nobody can tell."""

    def step(self, steps: int) -> None:
        """So many more are done."""


class _NoBar:
    """For a script's log, which wants lines and no bars."""

    def stage(self, name: str, total: int | None = None) -> None:
        pass

    def step(self, steps: int) -> None:
        pass


@contextmanager
def progress() -> Iterator[Bar]:
    """Show a bar while the work lasts, and leave nothing behind."""
    if not sys.stderr.isatty():
        yield _NoBar()
        return
    # A tenth of a second to load, for those who look at it only.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    class Shown:
        def __init__(self, drawn: Progress, task: TaskID) -> None:
            self.drawn, self.task = drawn, task

        def stage(self, name: str, total: int | None = None) -> None:
            self.drawn.reset(self.task, description=name, total=total)

        def step(self, steps: int) -> None:
            self.drawn.advance(self.task, steps)

    looks = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*looks, console=Console(stderr=True), transient=True) as drawn:
        yield Shown(drawn, drawn.add_task("", total=None))
