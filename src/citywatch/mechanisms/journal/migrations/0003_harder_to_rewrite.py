"""Block what the first triggers let through: TRUNCATE on PostgreSQL, and INSERT OR REPLACE on SQLite.

On PostgreSQL the triggers are made to fire always, also for a session that calls itself a replica. Running it again
puts back what somebody dropped or disabled, as `citywatch doctor` advises.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

WORDS = "journal entries are never changed or deleted"
SQLITE = (
    f"""CREATE TRIGGER IF NOT EXISTS journal_no_replace BEFORE INSERT ON journal_entry
    WHEN EXISTS (SELECT 1 FROM journal_entry held WHERE held.id = NEW.id OR held.digest = NEW.digest
        OR (held.writer = NEW.writer AND held.seq = NEW.seq))
    BEGIN SELECT RAISE(ABORT, '{WORDS}'); END""",  # noqa: S608 - our own words
)
POSTGRESQL = (
    """CREATE OR REPLACE TRIGGER journal_no_truncate BEFORE TRUNCATE ON journal_entry
    FOR EACH STATEMENT EXECUTE FUNCTION journal_refuse()""",
    "ALTER TABLE journal_entry ENABLE ALWAYS TRIGGER journal_no_change",
    "ALTER TABLE journal_entry ENABLE ALWAYS TRIGGER journal_no_truncate",
)


def _block(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in POSTGRESQL if editor.connection.vendor == "postgresql" else SQLITE:
        editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("journal", "0002_append_only")]
    operations = [migrations.RunPython(_block, migrations.RunPython.noop)]
