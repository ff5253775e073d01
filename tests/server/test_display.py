"""Light or dark, usual or large type: chosen once in a browser, on every page from then on."""

import pytest
from django.urls import reverse


def shown(client):
    page = client.get(reverse("warn:inbox")).content.decode()
    dark = next((line for line in page.splitlines() if "dark.css" in line), "")
    return ("system" if "prefers-color-scheme" in dark else "dark" if dark else "light"), 'data-type="large"' in page


def test_a_page_follows_the_system_until_somebody_chooses(client_as):
    client = client_as("duty_officer")

    assert shown(client) == ("system", False)
    back = client.post(reverse("display"), {"theme": "dark", "next": "/warn/?level=red"})
    assert back.headers["Location"] == "/warn/?level=red"
    client.post(reverse("display"), {"type": "large"})
    assert shown(client) == ("dark", True)
    client.post(reverse("display"), {"theme": "light"})
    assert shown(client) == ("light", True)


@pytest.mark.parametrize("sent", [{"theme": "pink"}, {"type": '"><script>'}])
def test_what_is_not_offered_is_not_kept(sent, client_as):
    client = client_as("duty_officer")

    client.post(reverse("display"), sent)

    assert shown(client) == ("system", False)


def test_nobody_is_led_to_another_site(client_as):
    answer = client_as("duty_officer").post(reverse("display"), {"theme": "dark", "next": "//evil.example/"})

    assert answer.headers["Location"] == "/"


def test_paper_is_light_whatever_the_screen_is_and_says_who_printed_it(client_as, at_noon):
    client = client_as("duty_officer")
    client.post(reverse("display"), {"theme": "dark"})
    page = client.get(reverse("warn:inbox")).content.decode()

    assert 'dark.css" media="screen">' in page
    assert "打印人：duty_officer（duty_officer），2020-06-11" in page
