"""A contact judged by a person keeps that judgement."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("trace", "0001_initial")]
    operations = [
        migrations.AddField(model_name="contact", name="by_hand", field=models.BooleanField(default=False)),
    ]
