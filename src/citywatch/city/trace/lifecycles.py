"""The procedures of tracing as tables: an investigation, a case, a contact, and the hand-over the last two share."""

from functools import partial
from typing import Any

from citywatch.mechanisms.labels import Label
from citywatch.mechanisms.lifecycle import Lifecycle, Transition

GIVEN_AWAY = ("handed_over", "declined")
"""Where a row of a hand-over stands that another row works: the giver's, or the one the receiver sent back."""

HAND_OVER_STATES = {
    "offered": Label("待接收", "Waiting for acceptance"),
    "handed_over": Label("已移交", "Handed over"),
    "declined": Label("已退回", "Sent back"),
}

_investigator = partial(Transition, needs="trace.investigate")
_duty = partial(Transition, needs="trace.open")


def _hand_over(
    *, worked: tuple[str, ...], returns_to: tuple[str, ...], answer: str, stops: tuple[str, ...]
) -> tuple[Transition, ...]:
    """The moves of a hand-over; they go in pairs, one on each district's row: see `services.handovers`.

    `worked` are the states that can be given away, `returns_to` those the work goes on in, here or there. Clock
    `answer` runs until the receiver has answered; `stops` are those of the work, which stop on the row given away.
    """

    def goes_on(name: str, source: str, label: Label, **more: Any) -> tuple[Transition, ...]:
        # One move for each state, because a move has one target; the first has the plain name.
        return tuple(
            _investigator(name if number == 0 else f"{name}_{state}", (source,), state, label=label, **more)
            for number, state in enumerate(returns_to)
        )

    accept, back = Label("接收", "Accept"), Label("退回", "Send back")
    return (
        _investigator("hand_over", worked, "handed_over", label=Label("移交", "Hand over"), reason=True, stops=stops),
        *goes_on("take_back", "handed_over", Label("收回", "Take back"), reason=True),
        *goes_on("accept", "offered", accept, stops=(answer,), primary=True),
        _investigator("decline", ("offered",), "declined", label=back, reason=True, stops=(answer, *stops)),
    )


INVESTIGATION = Lifecycle(
    "investigation",
    states={
        "open": Label("调查中", "Open"),
        "source_published": Label("风险点位已公布", "Source published"),
        "closed": Label("已结案", "Closed"),
    },
    transitions=(
        Transition(
            "publish_source",
            ("open",),
            "source_published",
            needs="trace.publish",
            label=Label("公布风险点位", "Publish the source"),
            reason=True,
        ),
        _duty("close", ("open", "source_published"), "closed", label=Label("结案", "Close"), reason=True),
    ),
    done=frozenset({"closed"}),
)

_CASE_WORKED = ("reported", "core_done", "complete")
_CASE_CLOCKS = ("investigation-core", "investigation-full")

CASE = Lifecycle(
    "case",
    states={
        "reported": Label("待流调", "Reported"),
        "core_done": Label("核心信息已报", "Core information in"),
        "complete": Label("初步报告已完成", "First report complete"),
        "discarded": Label("已排除", "Discarded"),
        **HAND_OVER_STATES,
    },
    transitions=(
        _investigator(
            "core",
            ("reported",),
            "core_done",
            label=Label("核心信息已核实", "Core information taken"),
            stops=("investigation-core",),
        ),
        _investigator(
            "complete",
            ("core_done",),
            "complete",
            label=Label("完成初步报告", "Complete the first report"),
            stops=("investigation-full",),
            primary=True,
        ),
        _investigator(
            "discard",
            _CASE_WORKED,
            "discarded",
            label=Label("排除", "Discard"),
            reason=True,
            stops=(*_CASE_CLOCKS, "source-lock"),
        ),
        *_hand_over(
            worked=_CASE_WORKED,
            returns_to=_CASE_WORKED,
            answer="case-handover",
            stops=(*_CASE_CLOCKS, "card-2h"),
        ),
    ),
    opens=_CASE_CLOCKS,
    done=frozenset({"complete", "discarded", *GIVEN_AWAY}),
)

NOT_COUNTED = ("discarded", *GIVEN_AWAY)

CONTACT = Lifecycle(
    "contact",
    states={
        "listed": Label("已判定", "Listed"),
        "notified": Label("已通知", "Notified"),
        "transferred": Label("已转运隔离", "In quarantine"),
        "released": Label("已解除", "Released"),
        "dropped": Label("已排除", "Dropped"),
        **HAND_OVER_STATES,
    },
    transitions=(
        _investigator("notify", ("listed",), "notified", label=Label("已通知", "Notified"), primary=True),
        _investigator(
            "transfer",
            ("listed", "notified"),
            "transferred",
            label=Label("已转运", "Transferred"),
            stops=("contact-transfer",),
        ),
        _investigator("release", ("transferred",), "released", label=Label("解除隔离", "Release")),
        _investigator(
            "drop",
            ("listed", "notified"),
            "dropped",
            label=Label("排除", "Drop"),
            reason=True,
            stops=("contact-transfer",),
        ),
        *_hand_over(
            worked=("listed", "notified"),
            returns_to=("listed",),
            answer="contact-handover",
            stops=("contact-transfer",),
        ),
    ),
    done=frozenset({"released", "dropped", *GIVEN_AWAY}),
)


def is_hand_over(move: str) -> bool:
    """Whether a move changes two rows; a button for one row alone would leave the other behind."""
    return move.startswith(("hand_over", "take_back", "accept", "decline"))
