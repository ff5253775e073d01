"""The next few clocks of one limit are found without walking those of all."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="clock",
            index=models.Index(fields=["code", "due_at"], name="clock_by_code_and_due"),
        ),
    ]
