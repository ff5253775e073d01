"""Walk a role's own links, each kind of page once, and count what each asks of the database."""

import re
from collections.abc import Iterator

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

_LEAVES = re.compile(r"^/(static|api|admin|i18n|accounts|public)|\.(csv|xlsx|docx|png)$|/(print|export|download|live)/")
_NO_QUESTION = re.compile(r'BEGIN|COMMIT|SAVEPOINT|RELEASE|.*FROM "lifecycle_cityclock"')
"""The clock is asked for its offset only where city time can be moved: in the demo and in drills."""


def questions(client: Client) -> Iterator[tuple[str, int]]:
    """The address of each page that can be reached from the first, and how many questions it asks."""
    client.get("/", follow=True)  # a sitting's first look also writes the sitting down
    seen, waiting = set(), ["/"]
    while waiting:
        path = waiting.pop(0)
        kind = re.sub(r"(?<=/)[0-9][\w-]*(?=/|$)", "n", path.split("?")[0])
        if kind in seen or _LEAVES.search(kind):
            continue
        seen.add(kind)
        client.get(path)  # what is worked out once an hour is worked out now
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(path)
        if answer.status_code in {301, 302}:
            waiting.append(answer.headers["Location"])
        if answer.status_code != 200 or answer.streaming or "html" not in answer.headers["Content-Type"]:
            continue
        yield path, sum(not _NO_QUESTION.match(one["sql"]) for one in asked.captured_queries)
        waiting += [link.split("#")[0] for link in re.findall(r'href="(/[^"]*)"', answer.content.decode())]
