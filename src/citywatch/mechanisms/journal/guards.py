"""Whether the database itself still refuses changes to the journal: the triggers there, in force, and unaltered."""

from django.db import connection

NAMED = {
    "sqlite": {
        "journal_no_update": ("BEFORE UPDATE ON journal_entry", "RAISE(ABORT"),
        "journal_no_delete": ("BEFORE DELETE ON journal_entry", "RAISE(ABORT"),
        "journal_no_replace": ("BEFORE INSERT ON journal_entry", "RAISE(ABORT"),
    },
    "postgresql": {
        "journal_no_change": ("BEFORE DELETE OR UPDATE ON", "journal_refuse()"),
        "journal_no_truncate": ("BEFORE TRUNCATE ON", "journal_refuse()"),
    },
}
"""Each trigger by name, with what its text must say."""
_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'journal_entry'"
# 'A' fires always, for a session that plays a replica too; anything less has been turned down by somebody.
_POSTGRESQL = """
SELECT tgname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE tgrelid = 'journal_entry'::regclass AND tgenabled = 'A' AND NOT tgisinternal AND prosrc LIKE '%RAISE EXCEPTION%'
"""


def missing() -> list[str]:
    """The triggers that are gone, disabled or say something else."""
    with connection.cursor() as cursor:
        cursor.execute(_SQLITE if connection.vendor == "sqlite" else _POSTGRESQL.replace("%", "%%"), [])
        found = dict(cursor.fetchall())
    return [
        name
        for name, words in NAMED[connection.vendor].items()
        if not all(word in found.get(name, "") for word in words)
    ]
