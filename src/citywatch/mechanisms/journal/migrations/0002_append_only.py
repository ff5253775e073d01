"""Block UPDATE and DELETE of journal entries in the database itself, on SQLite and PostgreSQL.

Running it again puts back what somebody dropped, as `citywatch doctor` advises.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

WORDS = "journal entries are never changed or deleted"
SQLITE = tuple(
    f"CREATE TRIGGER IF NOT EXISTS journal_no_{change.lower()} BEFORE {change} ON journal_entry "
    f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
    for change in ("UPDATE", "DELETE")
)
POSTGRESQL = (
    f"""CREATE OR REPLACE FUNCTION journal_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '{WORDS}'; END $$""",
    """CREATE OR REPLACE TRIGGER journal_no_change BEFORE UPDATE OR DELETE ON journal_entry
    FOR EACH ROW EXECUTE FUNCTION journal_refuse()""",
)


def _block(_apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    for statement in POSTGRESQL if editor.connection.vendor == "postgresql" else SQLITE:
        editor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("journal", "0001_initial")]
    operations = [migrations.RunPython(_block, migrations.RunPython.noop)]
