"""What the system says when it will not do something: one sentence for the person who asked."""

from django.utils.translation import get_language


class Refusal(Exception):
    """An expected failure, worded for the person who asked and naming the way forward.

    Pages show the sentence beside the form, the API answers with it, terminal commands print it and exit 2. `zh` is the
    sentence for Chinese pages.
    """

    status = 422

    def __init__(self, sentence: str, *, zh: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh or sentence

    def __str__(self) -> str:
        return self.zh if (get_language() or "en").startswith("zh") else self.sentence


class NotFound(Refusal):
    """Nothing here that this viewer may see; the same words whether the thing is absent or hidden."""

    status = 404


class NotAllowed(Refusal):
    """The viewer lacks the ability at this place."""

    status = 403


class Conflict(Refusal):
    """The request contradicts something already recorded."""

    status = 409
