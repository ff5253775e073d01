"""Roles say whether they need a second factor and after how long without activity a session ends.

The roles of an existing installation that open identities or decide get both; an administrator may change them.
"""

from typing import Any

from django.db import migrations, models

CAREFUL = {"vault.open", "warn.publish", "respond.command"}
IDLE_MINUTES = 15


def careful_roles(apps: Any, _schema_editor: Any) -> None:
    for role in apps.get_model("jurisdiction", "Role").objects.all():
        if CAREFUL & set(role.abilities):
            role.second_factor, role.idle_minutes = True, IDLE_MINUTES
            role.save(update_fields=["second_factor", "idle_minutes"])


class Migration(migrations.Migration):
    dependencies = [("jurisdiction", "0002_more_kinds_of_places")]

    operations = [
        migrations.AddField("role", "second_factor", models.BooleanField(default=False)),
        migrations.AddField("role", "idle_minutes", models.PositiveSmallIntegerField(blank=True, null=True)),
        migrations.RunPython(careful_roles, migrations.RunPython.noop),
    ]
