"""SIPp scenarios from a plan: what a caller does, in order, as data; rendered into ``scenarios/*.xml``. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from m3voip.phones.media.dtmf import EVENTS

PRESS_SECONDS = 0.6
"""What SIPp takes for one key, pauses included (0.55 s measured with 3.6.1)."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so many seconds (a far end that hangs up meanwhile makes the call a failure)."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Press:
    """Press these keys; the step ends when the last one is over."""

    digits: str


@dataclass(frozen=True, slots=True)
class Say:
    """Stream a mu-law file from now on, again and again."""

    file: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """End: we send BYE now."""


@dataclass(frozen=True, slots=True)
class WaitForEnd:
    """End: the far end must send BYE within so many seconds."""

    within: float = 30.0


Step = Wait | Press | Say
Ending = HangUp | WaitForEnd


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One caller's whole call. Keys go by RFC 4733, or by SIP INFO, which works only where the endpoint takes INFO
    from callers that offer no telephone-event."""

    steps: tuple[Step, ...] = ()
    ending: Ending = HangUp()
    keys: Literal["rfc4733", "info"] = "rfc4733"

    @property
    def needs_raw_socket(self) -> bool:
        """SIPp sends RFC 4733 keys through a raw socket."""
        return self.keys == "rfc4733" and any(isinstance(step, Press) for step in self.steps)


def render(plan: Plan, caller_id: str) -> str:
    """The scenario as XML. Raises ValueError for keys that are none."""
    events = plan.keys == "rfc4733"
    steps: list[str] = []
    cseq = 1
    for step in plan.steps:
        match step:
            case Wait(seconds):
                steps.append(f'  <pause milliseconds="{round(seconds * 1000)}"/>')
            case Say(file):
                steps.append(f'  <nop><action><exec rtp_stream="{file},-1,0,PCMU/8000"/></action></nop>')
            case Press(digits):
                if bad := set(digits) - set(EVENTS):
                    raise ValueError(f"no keys: {sorted(bad)}")
                if events:
                    steps.append(f'  <nop><action><exec play_dtmf="{digits}"/></action></nop>')
                    steps.append(f'  <pause milliseconds="{round(PRESS_SECONDS * 1000) * len(digits)}"/>')
                    continue
                for digit in digits:
                    cseq += 1
                    marks = {"CSEQ": str(cseq), "DIGIT": digit, "CALLER_ID": caller_id}
                    steps.append(_file("press_info.xml", marks))
    if isinstance(plan.ending, HangUp):
        ending = _file("end_by_us.xml", {"CSEQ": str(cseq + 1), "CALLER_ID": caller_id})
    else:
        ending = _file("end_by_them.xml", {"WITHIN_MS": str(round(plan.ending.within * 1000))})
    return _file("caller.xml", {
        "CALLER_ID": caller_id, "STEPS": "\n".join(steps), "ENDING": ending, "EVENT_TYPE": " 96" if events else "",
        "EVENT_LINES": "\na=rtpmap:96 telephone-event/8000\na=fmtp:96 0-15" if events else "",
    })  # fmt: skip


def play_seconds(steps: Iterable[Step]) -> float:
    """How long the steps take at most."""
    return sum(
        step.seconds if isinstance(step, Wait) else PRESS_SECONDS * len(step.digits) if isinstance(step, Press) else 0
        for step in steps
    )


def _file(name: str, marks: Mapping[str, str]) -> str:
    text = (resources.files("m3voip.phones") / "scenarios" / name).read_text("utf-8")
    for mark, value in marks.items():
        text = text.replace(f"@@{mark}@@", value)
    return text
