"""The jobs and their cadence, on one screen; `install` makes the database's schedule equal to this list."""

from dataclasses import dataclass

from django_q.models import Schedule


@dataclass(frozen=True, slots=True)
class Job:
    """A function called every so many minutes by the worker."""

    name: str
    function: str
    minutes: int


JOBS = (
    Job("detect", "citywatch.city.warn.jobs.watch_job", 15),
    Job("react", "citywatch.server.jobs.react", 1),
    Job("finish receipts", "citywatch.server.jobs.finish_receipts", 1),
    Job("account for what came", "citywatch.server.jobs.account_for", 5),
    Job("notice silent sources", "citywatch.city.sense.jobs.notice_silence", 60),
    Job("write the journal's heads", "citywatch.server.jobs.export_heads", 1),
    Job("destroy what is past its time", "citywatch.server.keeping.expire", 24 * 60),
    Job("say what is past its time and still here", "citywatch.server.keeping.tell_overdue", 6 * 60),
    Job("tidy the log", "citywatch.server.jobs.compact", 60),
    Job("keep the city's exposure status", "citywatch.server.jobs.keep_status", 24 * 60),
)


def install() -> None:
    """Add, change and remove schedules until they equal `JOBS`."""
    for job in JOBS:
        Schedule.objects.update_or_create(
            name=job.name, defaults={"func": job.function, "schedule_type": Schedule.MINUTES, "minutes": job.minutes}
        )
    Schedule.objects.exclude(name__in=[job.name for job in JOBS]).delete()
