"""A case is found by its label and its barcode among a city's cases."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("jurisdiction", "0004_emergency_openings"),
        ("trace", "0006_home_visits"),
        ("vault", "0003_exports"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("label", ""), _negated=True), fields=["label"], name="case_by_label"
            ),
        ),
        migrations.AddIndex(
            model_name="case",
            index=models.Index(
                condition=models.Q(("sample_barcode", ""), _negated=True),
                fields=["sample_barcode"],
                name="case_by_barcode",
            ),
        ),
    ]
