"""AMI's events, typed; the only list of those we understand (`EVENTS`, `ITEMS`).

Law: an event that is not here is dropped before it is parsed. A class's name is AMI's event name, a field's name is
AMI's in snake case; what Asterisk leaves out has a default. Texts of callers are `""` where AMI says `<unknown>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec
from msgspec import field


class AmiEvent(msgspec.Struct, frozen=True, gc=False, rename="pascal"):
    """Common to all. `timestamp`: seconds since 1970 (manager.conf: timestampevents), 0 where Asterisk gives none."""

    timestamp: float = 0.0

    def at(self, now: datetime) -> datetime:
        """When it happened; `now` where Asterisk did not say."""
        return datetime.fromtimestamp(self.timestamp, UTC) if self.timestamp else now


class _Caller(AmiEvent, frozen=True):
    """About a caller in a queue; `uniqueid` is ARI's channel id."""

    queue: str = ""
    channel: str = ""
    uniqueid: str = ""
    linkedid: str = ""
    caller_number: str = field(name="CallerIDNum", default="")
    caller_name: str = field(name="CallerIDName", default="")


class QueueCallerJoin(_Caller, frozen=True):
    """A caller entered a queue; `count` callers wait now."""

    position: int = 0
    count: int = 0


class QueueCallerLeave(_Caller, frozen=True):
    """A caller left a queue, for whatever reason."""

    position: int = 0
    count: int = 0


class QueueCallerAbandon(_Caller, frozen=True):
    """A caller hung up while waiting. `hold_time` in seconds."""

    position: int = 0
    original_position: int = 0
    hold_time: int = 0


class _Offer(_Caller, frozen=True):
    """About a caller and a member. `dest_*` is the member's channel."""

    interface: str = ""
    member_name: str = ""
    dest_channel: str = ""
    dest_uniqueid: str = ""


class AgentCalled(_Offer, frozen=True):
    """A member's phone is being rung."""


class AgentConnect(_Offer, frozen=True):
    """A member answered. `hold_time` and `ring_time` in seconds."""

    hold_time: int = 0
    ring_time: int = 0


class AgentComplete(_Offer, frozen=True):
    """Caller and member have parted. `reason`: caller, agent, transfer. Times in seconds."""

    hold_time: int = 0
    talk_time: int = 0
    reason: str = ""


class AgentRingNoAnswer(_Offer, frozen=True):
    """A member's phone rang out or was declined. `ring_time` in MILLISECONDS."""

    ring_time: int = 0


class AgentDump(_Offer, frozen=True):
    """A member hung up during the announcement."""


class _Member(AmiEvent, frozen=True):
    """The state of a member in one queue. `status` is a device state: 0 unknown, 1 not in use, 2 in use, 3 busy,
    4 invalid, 5 unavailable, 6 ringing, 7 ringing and in use, 8 on hold. `last_call`, `login_time`: seconds since 1970."""

    queue: str = ""
    member_name: str = ""
    interface: str = ""
    state_interface: str = ""
    membership: str = ""
    penalty: int = 0
    calls_taken: int = 0
    last_call: int = 0
    login_time: int = 0
    in_call: bool = False
    status: int = 0
    paused: bool = False
    paused_reason: str = ""
    ringinuse: bool = False
    wrapuptime: int = 0


class QueueMemberStatus(_Member, frozen=True):
    """A member's device changed, or a call of theirs was counted."""


class QueueMemberAdded(_Member, frozen=True):
    """A member joined a queue."""


class QueueMemberRemoved(_Member, frozen=True):
    """A member left a queue."""


class QueueMemberPause(_Member, frozen=True):
    """A member was paused or unpaused."""


class QueueMemberPenalty(_Member, frozen=True):
    """A member's penalty changed."""


class QueueMemberRinginuse(_Member, frozen=True):
    """A member's ring-in-use changed."""


class AgentLogin(AmiEvent, frozen=True):
    """A line waits for calls (app_agent_pool); `agent` is its endpoint, `uniqueid` ARI's channel id."""

    agent: str = ""
    channel: str = ""
    uniqueid: str = ""


class Agents(AmiEvent, frozen=True):
    """One line in an answer. `uniqueid` "" when there is none now."""

    agent: str = ""
    status: str = ""
    uniqueid: str = ""


class DeviceStateChange(AmiEvent, frozen=True):
    """A device's state, in words: NOT_INUSE, INUSE, RINGING, UNAVAILABLE …"""

    device: str = ""
    state: str = ""


class ContactStatus(AmiEvent, frozen=True):
    """A registration came, went, or its reachability changed. `contact_status`: Reachable, Unreachable, Created,
    Removed, Updated, NonQualified."""

    uri: str = field(name="URI", default="")
    contact_status: str = ""
    aor: str = field(name="AOR", default="")
    endpoint_name: str = ""
    roundtrip_usec: str = ""


class Registry(AmiEvent, frozen=True):
    """A carrier took our registration, or did not. `username` is the account (`sip:user@host:port`); `status`: Registered,
    Unregistered, Rejected, Stopped."""

    username: str = ""
    status: str = ""


class Status(AmiEvent, frozen=True):
    """One channel in an answer: the formats in which Asterisk reads and writes it, and (`…trans`) the steps between them
    and what the channel itself speaks."""

    channel: str = ""
    readformat: str = ""
    readtrans: str = ""
    writeformat: str = ""
    writetrans: str = ""


class ChallengeResponseFailed(AmiEvent, frozen=True):
    """Somebody answered a challenge with a wrong secret. `account_id` is the endpoint, "" where nobody has the name."""

    service: str = ""
    account_id: str = field(name="AccountID", default="")
    session_id: str = field(name="SessionID", default="")
    remote_address: str = ""


class InvalidAccountID(AmiEvent, frozen=True):
    """A request of somebody whose name (`account_id`, as they gave it) nobody has. `session_id` is its Call-ID,
    `remote_address` like IPV4/UDP/192.0.2.7/5060."""

    service: str = ""
    account_id: str = field(name="AccountID", default="")
    session_id: str = field(name="SessionID", default="")
    remote_address: str = ""


class FullyBooted(AmiEvent, frozen=True):
    """Asterisk has loaded everything; comes after every login too. Both in seconds."""

    uptime: int = 0
    last_reload: int = 0


class Shutdown(AmiEvent, frozen=True):
    """Asterisk goes down; `restart` is text: True or False."""

    shutdown: str = ""
    restart: str = ""


class Reload(AmiEvent, frozen=True):
    """A module was reloaded; `status` 0 = done."""

    module: str = ""
    status: int = 0


class QueueParams(AmiEvent, frozen=True):
    """One queue in an answer. Times in seconds; counters since Asterisk's start or their reset."""

    queue: str = ""
    strategy: str = ""
    calls: int = 0
    holdtime: int = 0
    talk_time: int = 0
    completed: int = 0
    abandoned: int = 0


class QueueMember(_Member, frozen=True):
    """One member in an answer, where AMI uses two other names for the same."""

    member_name: str = field(name="Name", default="")
    interface: str = field(name="Location", default="")


class QueueEntry(_Caller, frozen=True):
    """One waiting caller in an answer. `wait` in seconds."""

    position: int = 0
    wait: int = 0


YES = "Yes"
"""How AMI says that something of a conference is so."""


class InConference(AmiEvent, frozen=True):
    """About a conference, and the party where there is one. `admin` and the like are YES or "No"."""

    conference: str = ""
    channel: str = ""
    uniqueid: str = ""
    caller_number: str = field(name="CallerIDNum", default="")
    admin: str = ""


class ConfbridgeStart(InConference, frozen=True):
    """A conference begins: its first party comes in."""


class ConfbridgeJoin(InConference, frozen=True):
    """A party is in."""


class ConfbridgeLeave(InConference, frozen=True):
    """A party is out."""


class ConfbridgeMute(InConference, frozen=True):
    """A party is muted."""


class ConfbridgeUnmute(InConference, frozen=True):
    """A party is heard again."""


class ConfbridgeRecord(InConference, frozen=True):
    """Recording began."""


class ConfbridgeStopRecord(InConference, frozen=True):
    """Recording stopped."""


class ConfbridgeList(InConference, frozen=True):
    """One party in an answer. `waiting`: for a moderator."""

    muted: str = ""
    waiting: str = ""


class ConfbridgeListRooms(AmiEvent, frozen=True):
    """One conference in an answer."""

    conference: str = ""
    parties: int = 0
    locked: str = ""


def _by_name(*kinds: type[AmiEvent]) -> dict[str, type[AmiEvent]]:
    return {kind.__name__: kind for kind in kinds}


EVENTS = _by_name(
    QueueCallerJoin, QueueCallerLeave, QueueCallerAbandon, AgentCalled, AgentConnect, AgentComplete, AgentRingNoAnswer,
    AgentDump, QueueMemberStatus, QueueMemberAdded, QueueMemberRemoved, QueueMemberPause, QueueMemberPenalty,
    QueueMemberRinginuse, AgentLogin, DeviceStateChange, ContactStatus, FullyBooted, Shutdown, Reload,
    ChallengeResponseFailed, InvalidAccountID, Registry,
    ConfbridgeStart, ConfbridgeJoin, ConfbridgeLeave, ConfbridgeMute, ConfbridgeUnmute, ConfbridgeRecord,
    ConfbridgeStopRecord,
)  # fmt: skip
"""What comes by itself."""

ITEMS = _by_name(
    QueueParams, QueueMember, QueueEntry, Agents, DeviceStateChange, ConfbridgeList, ConfbridgeListRooms, Status
)
"""What comes as a part of an answer."""


def read(kinds: Mapping[str, type[AmiEvent]], message: Mapping[str, str]) -> AmiEvent | None:
    """The typed event, or None when `kinds` does not list it. Raises msgspec.ValidationError on what does not fit."""
    kind = kinds.get(message.get("Event", ""))
    if kind is None:
        return None
    values = {name: "" if value == "<unknown>" else value for name, value in message.items()}
    return msgspec.convert(values, kind, strict=False)
