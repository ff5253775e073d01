"""Processes as tables: states, who may move, whether a reason is due, which clock starts or stops.

`advance` is the only way a worked thing changes state. Buttons, filters, overdue lists and the docs' diagrams come from
the tables. No timers and no states in the database; `Clock` rows only remember when a limit began, ends and was met.
"""

from citywatch.mechanisms.lifecycle.types import ClockRule, Lifecycle, Transition

__all__ = ["ClockRule", "Lifecycle", "Transition"]
