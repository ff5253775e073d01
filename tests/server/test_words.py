"""Every word a page says has a Chinese wording, and it is the wording its own area chose.

Django merges all catalogues into one, and the first installed app wins: an equal English text with another Chinese
wording in another app, ours or not, would silently say the wrong thing.
"""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.utils import translation
from django.utils.translation.template import templatize

import citywatch

HOUSE = Path(citywatch.__file__).parent
CATALOGUES = sorted(HOUSE.rglob("locale/zh_Hans/LC_MESSAGES/django.po"))
APPS = {path.parents[3].relative_to(HOUSE).as_posix(): path for path in CATALOGUES}
KEYWORDS = {
    **dict.fromkeys(("gettext", "_", "gettext_lazy", "gettext_noop"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
Key = tuple[str, str | None]


def _catalogue(path: Path) -> Catalog:
    with path.open("rb") as source:
        return read_po(source, locale="zh_Hans")


def _entries(catalogue: Catalog) -> Iterator[tuple[Key, Message]]:
    for message in catalogue:
        if message.id:
            yield (message.id if isinstance(message.id, str) else message.id[0], message.context), message


def _used(folder: Path) -> dict[Key, str]:
    """Every translatable text in an app's templates and modules, with the file it stands in."""
    found: dict[Key, str] = {}
    for path in sorted([*folder.rglob("*.html"), *folder.rglob("*.py")]):
        text = path.read_text(encoding="utf-8")
        python = templatize(text) if path.suffix == ".html" else text
        for _line, message, _comments, context in extract("python", BytesIO(python.encode()), keywords=KEYWORDS):
            key = message[0] if isinstance(message, tuple) else message
            if key:
                found[key, context] = path.relative_to(HOUSE).as_posix()
    return found


@pytest.mark.parametrize("app", APPS)
def test_every_text_of_an_area_has_a_chinese_wording_in_its_own_catalogue(app):
    written = {key for key, message in _entries(_catalogue(APPS[app])) if all(_words(message))}

    missing = {key: file for key, file in _used(HOUSE / app).items() if key not in written}

    assert not missing


@pytest.mark.parametrize("app", APPS)
def test_no_catalogue_keeps_a_text_nobody_says(app):
    used = _used(HOUSE / app)

    assert not [key for key, _ in _entries(_catalogue(APPS[app])) if key not in used]


@pytest.mark.parametrize("app", APPS)
def test_a_page_shows_the_wording_its_own_area_chose(app):
    with translation.override("zh-hans"):
        elsewhere = {
            key: (_words(message)[0], shown)
            for key, message in _entries(_catalogue(APPS[app]))
            if (shown := _shown(message)) != _words(message)[0]
        }

    assert not elsewhere


def test_every_area_with_pages_has_a_catalogue():
    paged = {path.relative_to(HOUSE).parts[:2] for path in HOUSE.glob("city/*/templates/**/*.html")}

    assert paged
    assert paged <= {tuple(app.split("/")) for app in APPS}


def _words(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def _shown(message: Message) -> str:
    one, many = (message.id, message.id) if isinstance(message.id, str) else message.id
    if message.context:
        return (
            translation.npgettext(message.context, one, many, 1)
            if one != many
            else translation.pgettext(message.context, one)
        )
    return translation.ngettext(one, many, 1) if one != many else translation.gettext(one)
