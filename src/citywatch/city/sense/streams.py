"""The forms of sense and the streams that count. The laboratory's form lives with the lab; the server joins them."""

from citywatch.city.sense.definitions import absence, card, fever, pharmacy, symptom, visit, zero
from citywatch.mechanisms.errors import NotFound
from citywatch.mechanisms.forms.types import Form

FORMS: tuple[Form, ...] = (
    symptom.FORM,
    fever.FORM,
    pharmacy.FORM,
    card.FORM,
    absence.FORM,
    visit.FORM,
    zero.FORM,
)
STREAMS: tuple[str, ...] = tuple(zero.STREAM_NAMES)
STREAM_NAMES = zero.STREAM_NAMES
ABSENCE = absence.FORM.stream
BY_CODE = {form.code: form for form in FORMS}
FORM_OF_STREAM = {form.stream: form for form in FORMS if form.stream in STREAMS}


def form(code: str) -> Form:
    """The form with this code. Refuses one that sense does not have."""
    try:
        return BY_CODE[code]
    except KeyError:
        raise NotFound(
            f"There is no form {code!r}; the forms are {', '.join(BY_CODE)}.",
            zh=f"没有代码为“{code}”的表单；现有：{'、'.join(BY_CODE)}。",
        ) from None
