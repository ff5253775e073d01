"""A case handed over is two rows: the receiver's names the giver's, and number and sample count once."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trace", "0003_timeline_and_handover")]

    operations = [
        migrations.RemoveConstraint(
            model_name="case",
            name="case_label_once_per_investigation",
        ),
        migrations.RemoveConstraint(
            model_name="case",
            name="case_once_per_sample",
        ),
        migrations.AddField(
            model_name="case",
            name="from_row",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="handed_to",
                to="trace.case",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    models.Q(("label", ""), _negated=True),
                    models.Q(("state__in", ["handed_over", "declined"]), _negated=True),
                ),
                fields=("investigation", "label"),
                name="case_label_once_per_investigation",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(
                condition=models.Q(
                    models.Q(("sample_barcode", ""), _negated=True),
                    models.Q(("state__in", ["handed_over", "declined"]), _negated=True),
                ),
                fields=("sample_barcode",),
                name="case_once_per_sample",
            ),
        ),
        migrations.AddConstraint(
            model_name="case",
            constraint=models.UniqueConstraint(
                condition=models.Q(("from_row__isnull", False), models.Q(("state", "declined"), _negated=True)),
                fields=("from_row",),
                name="case_handed_over_once",
            ),
        ),
    ]
