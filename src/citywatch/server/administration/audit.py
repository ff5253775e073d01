"""The audit administrator's page: what weighs, newest first, and who was shown a person."""

from datetime import timedelta

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from citywatch.city.registry.access import signed_in, viewer_of
from citywatch.city.registry.queries import city_place
from citywatch.mechanisms import clock
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.journal import services as journal
from citywatch.mechanisms.journal.models import Entry
from citywatch.mechanisms.jurisdiction.models import NOTHING_HERE, NOTHING_HERE_ZH, Account
from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.vault import services as vault
from citywatch.mechanisms.vault.seen import Look, who_saw
from citywatch.server.accounts.confirming import confirmed
from citywatch.server.administration.words import ENTRIES
from citywatch.server.keeping import READS

ABILITY = "journal.audit"
PER_PAGE = 50
LOOKS_BACK = timedelta(days=183)
GROUPS = {
    "rights": (Label("账户与授权", "Accounts and rights"), "registry."),
    "identities": (Label("身份查看", "Identities shown"), "vault."),
    "emergencies": (Label("应急授权", "Emergencies"), "emergency."),
    "exports": (Label("清单导出", "Exports"), "export."),
    "signin": (Label("登录", "Sign-in"), "signin."),
}


@require_safe
@never_cache
@signed_in(ABILITY)
def audit(request: HttpRequest) -> HttpResponse:
    """The record of what weighs, by group."""
    return _page(request)


@require_POST
@never_cache
@signed_in(ABILITY)
@confirmed
def looks(request: HttpRequest) -> HttpResponse:
    """Who was shown the person with this number, or this ID number (which never stands in an address)."""
    given, at, by = request.POST.get("person", "").strip().upper(), clock.now(), viewer_of(request)
    number = int(given) if given.isdecimal() and len(given) < 15 else vault.find(id_number=given)
    if number is None:
        journal.record("vault.looks_sought", place=city_place(), by=by, at=at)
        raise NotFound(NOTHING_HERE, zh=NOTHING_HERE_ZH)
    return _page(request, found=who_saw(number, reads=READS, since=at - LOOKS_BACK, by=by, at=at))


def _page(request: HttpRequest, found: list[Look] | None = None) -> HttpResponse:
    group = request.GET.get("group", "")
    rows = Entry.objects.visible_to(viewer_of(request)).select_related("place").order_by("-at", "-pk")
    _, prefix = GROUPS.get(group, GROUPS["rights"])
    page = Paginator(rows.filter(kind__startswith=prefix), PER_PAGE).get_page(request.GET.get("page"))
    entries = list(page.object_list)
    numbers = {int(one.actor.removeprefix("account:")) for one in entries if one.actor.startswith("account:")}
    numbers |= {one.subject_id for one in entries if one.subject_kind == Account._meta.label_lower and one.subject_id}
    names = {one.pk: f"{one.title} ({one.username})" for one in Account.objects.filter(pk__in=numbers)}
    context = {
        "page": page,
        "lines": [(one, _name(one.actor, names), names.get(one.subject_id or 0, ""), _words(one)) for one in entries],
        "groups": [(code, label) for code, (label, _) in GROUPS.items()],
        "group": group if group in GROUPS else "rights",
        "found": None if found is None else [(look, _words(look)) for look in found],
    }
    return render(request, "administration/audit.html", context)


def _words(told: Entry | Look) -> Label:
    return ENTRIES.get(told.kind, Label(told.kind, told.kind))


def _name(actor: str, names: dict[int, str]) -> str:
    """Who it was: an account's title and name, or which part of the system or which command."""
    kind, _, rest = actor.partition(":")
    if kind == "account":
        return names.get(int(rest), actor)
    if rest.startswith("operator:"):
        return str(
            Label(f"运维命令（{rest.removeprefix('operator:')}）", f"command ({rest.removeprefix('operator:')})")
        )
    return str(Label(f"系统（{rest}）", f"the system ({rest})")) if kind == "machine" else actor
