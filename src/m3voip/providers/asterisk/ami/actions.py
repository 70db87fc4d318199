"""AMI actions as values, checked when they are built; see ari.request for why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar, cast

import msgspec

from m3voip.providers.asterisk.ami.errors import UnsafeValue
from m3voip.providers.asterisk.ami.events import (
    ITEMS,
    Agents,
    AmiEvent,
    DeviceStateChange,
    QueueEntry,
    QueueMember,
    QueueParams,
    Status,
    read,
)

T = TypeVar("T")

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,79}").fullmatch
_INTERFACE = re.compile(r"PJSIP/[A-Za-z0-9_-]{1,64}|Local/[A-Za-z0-9_-]{1,64}@[A-Za-z0-9_-]{1,64}(?:/n)?").fullmatch
_CHANNEL = re.compile(r"[A-Za-z0-9_.:;@/-]{1,149}").fullmatch
_VARIABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}(?:\(\))?").fullmatch
_LINE = re.compile(r"[^\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]{0,100}").fullmatch

Message = dict[str, str]


class AmiAction(msgspec.Struct, Generic[T], frozen=True):
    """One action. `items`: the answer is a list of events, and `parse` gets them; else it gets the response."""

    name: str
    fields: tuple[tuple[str, str], ...] = ()
    items: bool = False
    parse: Callable[[Sequence[Message]], T] | None = None


class Queues(msgspec.Struct, frozen=True):
    """All queues at one moment."""

    queues: tuple[QueueParams, ...]
    members: tuple[QueueMember, ...]
    waiting: tuple[QueueEntry, ...]


def _checked(what: str, value: str, matches: Callable[[str], object]) -> str:
    if not matches(value):
        raise UnsafeValue(what)
    return value


def _queue(value: str) -> tuple[str, str]:
    return "Queue", _checked("a queue's name", value, _TOKEN)


def _interface(value: str) -> tuple[str, str]:
    return "Interface", _checked("an interface", value, _INTERFACE)


def _in_queues(queue: str) -> tuple[tuple[str, str], ...]:
    """One queue, or none named: all of them."""
    return (_queue(queue),) if queue else ()


def _events(messages: Sequence[Message]) -> list[AmiEvent]:
    return [event for message in messages if (event := read(ITEMS, message)) is not None]


def _queues(messages: Sequence[Message]) -> Queues:
    events = _events(messages)
    return Queues(
        queues=tuple(event for event in events if isinstance(event, QueueParams)),
        members=tuple(event for event in events if isinstance(event, QueueMember)),
        waiting=tuple(event for event in events if isinstance(event, QueueEntry)),
    )


def _devices(messages: Sequence[Message]) -> tuple[DeviceStateChange, ...]:
    return tuple(cast("DeviceStateChange", event) for event in _events(messages))


def _lines(messages: Sequence[Message]) -> tuple[Agents, ...]:
    return tuple(cast("Agents", event) for event in _events(messages))


def _channels(messages: Sequence[Message]) -> tuple[Status, ...]:
    return tuple(cast("Status", event) for event in _events(messages))


def ping() -> AmiAction[None]:
    """The heartbeat."""
    return AmiAction("Ping")


def queue_status(queue: str = "") -> AmiAction[Queues]:
    """Members and waiting callers of one queue or of all."""
    return AmiAction("QueueStatus", _in_queues(queue), items=True, parse=_queues)


def device_states() -> AmiAction[tuple[DeviceStateChange, ...]]:
    """The state of every device (module res_manager_devicestate)."""
    return AmiAction("DeviceStateList", items=True, parse=_devices)


def lines() -> AmiAction[tuple[Agents, ...]]:
    """Every line that may be kept up (module app_agent_pool)."""
    return AmiAction("Agents", items=True, parse=_lines)


def channels() -> AmiAction[tuple[Status, ...]]:
    """Every channel and its formats."""
    return AmiAction("Status", items=True, parse=_channels)


def queue_add(
    queue: str, interface: str, *, member_name: str, penalty: int = 0, paused: bool = False, reason: str = ""
) -> AmiAction[None]:
    """Let a member join. Refused when it is a member already."""
    extra = (("StateInterface", interface),) if interface.startswith("PJSIP/") else ()
    return AmiAction(
        "QueueAdd",
        (
            _queue(queue),
            _interface(interface),
            ("MemberName", _checked("a member's name", member_name, _TOKEN)),
            ("Penalty", str(int(penalty))),
            ("Paused", "true" if paused else "false"),
            ("Reason", _checked("a reason", reason, _LINE)),
            *extra,
        ),
    )


def queue_remove(queue: str, interface: str) -> AmiAction[None]:
    """Let a member leave. Refused when it is none."""
    return AmiAction("QueueRemove", (_queue(queue), _interface(interface)))


def queue_pause(interface: str, *, paused: bool, queue: str = "", reason: str = "") -> AmiAction[None]:
    """Pause or unpause a member in one queue or in all."""
    state = (("Paused", "true" if paused else "false"), ("Reason", _checked("a reason", reason, _LINE)))
    return AmiAction("QueuePause", (*_in_queues(queue), _interface(interface), *state))


def queue_penalty(interface: str, penalty: int, *, queue: str = "") -> AmiAction[None]:
    """Change a member's penalty in one queue or in all."""
    return AmiAction("QueuePenalty", (*_in_queues(queue), _interface(interface), ("Penalty", str(int(penalty)))))


def queue_reload(queue: str = "") -> AmiAction[None]:
    """Read queues.conf again, keeping counters."""
    extra = (("Members", "yes"), ("Rules", "no"), ("Parameters", "yes"))
    return AmiAction("QueueReload", (*_in_queues(queue), *extra))


def reload_module(module: str) -> AmiAction[None]:
    """Reload one module. Needs the write class system, which the shipped account does not have: prefer ARI's."""
    if not module.endswith(".so"):
        raise UnsafeValue("a module name")
    return AmiAction("Reload", (("Module", _checked("a module name", module[:-3], _TOKEN) + ".so"),))


def set_variable(channel: str, name: str, value: str) -> AmiAction[None]:
    """Set a channel's variable, or write a function on it, wherever the channel is. ARI can only where it is ours."""
    fields = (
        ("Channel", _checked("a channel", channel, _CHANNEL)),
        ("Variable", _checked("a variable", name, _VARIABLE)),
        ("Value", _checked("a value", value, _CHANNEL)),
    )
    return AmiAction("Setvar", fields)


def redirect(channel: str, extra: str = "", *, context: str) -> AmiAction[None]:
    """Bring a channel, and a second one with it, out of whatever they are in to the start of a context. Channels are named
    by name or unique id. Refused when the first one is gone."""
    where = ("Context", _checked("a context", context, _TOKEN)), ("Exten", "s"), ("Priority", "1")
    fields = [("Channel", _checked("a channel", channel, _CHANNEL)), *where]
    if extra:
        fields.append(("ExtraChannel", _checked("a channel", extra, _CHANNEL)))
        fields += [(f"Extra{name}", value) for name, value in where]
    return AmiAction("Redirect", tuple(fields))


def mixmonitor_mute(channel: str, *, mute: bool, direction: str = "both") -> AmiAction[None]:
    """Write silence into a channel's recording, keeping the timeline. `direction`: read, write, both. Needs the write
    class system or call, which the shipped account does not have yet."""
    if direction not in ("read", "write", "both"):
        raise UnsafeValue("a direction")
    return AmiAction(
        "MixMonitorMute",
        (
            ("Channel", _checked("a channel", channel, _CHANNEL)),
            ("Direction", direction),
            ("State", "1" if mute else "0"),
        ),
    )


def voicemail_refresh(box: str, context: str) -> AmiAction[None]:
    """Count the files of a box again and tell the phones that have it."""
    return AmiAction(
        "VoicemailRefresh",
        (
            ("Context", _checked("a voicemail context", context, _TOKEN)),
            ("Mailbox", _checked("a mailbox", box, _TOKEN)),
        ),
    )


def login(user: str, secret: str) -> AmiAction[None]:
    """The first action of a connection."""
    return AmiAction(
        "Login",
        (
            ("Username", _checked("a user", user, _TOKEN)),
            ("Secret", _checked("a secret", secret, _LINE)),
            ("Events", "on"),
        ),
    )
