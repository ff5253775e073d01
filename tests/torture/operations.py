"""Every operation of the API asked what its own description allows and what it forbids, by Schemathesis.

The numbers of things in paths are mostly those of things that are there: else nearly every answer would be that there
is nothing.
"""

import json
import random
from collections import Counter
from collections.abc import Mapping
from typing import Any

import requests
import schemathesis
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from schemathesis import Case, GenerationMode, SerializationContext
from tests.conftest import NOON
from tests.server.test_api import ALL_ABILITIES, Caller, an_outbreak

from citywatch.mechanisms.jurisdiction.models import Place
from citywatch.mechanisms.jurisdiction.services import issue_key

HOST = "http://testserver"
_REAL = 0.8


@schemathesis.serializer(
    "application/vnd.apache.parquet", "application/vnd.apache.arrow.stream", "application/x-ndjson"
)
def as_bytes(_context: SerializationContext, value: object) -> bytes:
    """Bodies that are no JSON go out as whatever was drawn."""
    return value if isinstance(value, bytes) else json.dumps(value, default=str).encode()


def caller(code: str, *abilities: str) -> Caller:
    """A machine key's holder."""
    token = issue_key(name="HIS", place=Place.objects.get(code=code), abilities=list(abilities), at=NOON)
    return Caller(Client(headers={"Authorization": f"Bearer {token}", "Accept-Language": "en"}))


def ask_everything(each: int, *, seed: int) -> tuple[Counter[int], list[str]]:
    """Ask every operation `each` times; gives how often each status came, and the requests that broke something."""
    everyone = caller("110000", *ALL_ABILITIES)
    known = an_outbreak(caller, lambda _role: everyone)
    everyone.client.raise_request_exception = False
    schema = schemathesis.openapi.from_dict(everyone.client.get("/api/openapi.json").json())
    statuses: Counter[int] = Counter()
    broke: list[str] = []
    draw = random.Random(seed)
    for number, found in enumerate(schema.get_all_operations()):
        operation = found.ok()
        for mode, times in ((GenerationMode.POSITIVE, each - each // 3), (GenerationMode.NEGATIVE, each // 3)):

            @seeded(seed + number)
            @settings(
                max_examples=times, deadline=None, database=None, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(operation.as_strategy(mode))
            def ask(case: Case) -> None:
                for name in case.path_parameters or {}:
                    if name in known and draw.random() < _REAL:
                        case.path_parameters[name] = known[name]
                status, said = _ask(everyone.client, case)
                statuses[status] += 1
                if status >= 500 or (status >= 400 and "detail" not in said):
                    broke.append(f"{status} {case.as_curl_command()[:1500]} -> {said[:300]}")

            if times:
                try:
                    ask()
                except schemathesis.errors.InvalidSchema as error:
                    broke.append(f"{operation.label}: {error}")
    return statuses, broke


def _ask(client: Client, case: Case) -> tuple[int, str]:
    """Send a case and undo what it did, so that the next finds the same city."""
    told: Mapping[str, Any] = case.as_transport_kwargs(base_url=HOST)
    names = ("method", "url", "params", "headers", "cookies", "data", "json", "files")
    wire = requests.Request(**{name: told[name] for name in names if name in told}).prepare()
    body = wire.body.encode() if isinstance(wire.body, str) else wire.body or b""
    kind = wire.headers.pop("Content-Type", "application/octet-stream")
    headers = {name: value for name, value in wire.headers.items() if name.lower() not in {"authorization", "cookie"}}
    headers.pop("Content-Length", None)
    with transaction.atomic():
        answer = client.generic(str(wire.method), wire.path_url, bytes(body), content_type=str(kind), headers=headers)
        transaction.set_rollback(True)
    return answer.status_code, answer.content.decode(errors="replace")
