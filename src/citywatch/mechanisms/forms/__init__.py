"""Reported things: one definition gives page, checks, spreadsheet headers, log columns and API schema.

Owns `Submission`, the one model for everything that is sent and never edited. Definitions are Python, versioned and
reviewed; "shown when" is their only logic.
"""

from citywatch.mechanisms.forms.types import Form, Question, Row

__all__ = ["Form", "Question", "Row"]
