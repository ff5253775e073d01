"""The first fifty of millions of contacts in one state are found without sorting them all."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trace", "0004_case_handed_over")]

    operations = [
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(fields=["state", "judged_at", "id"], name="contact_by_state_and_day"),
        ),
    ]
