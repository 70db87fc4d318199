"""Why a call ended: the network's cause (Q.850) and our reading of it. Standard: ITU-T Q.850 (05/98), table 1."""

from __future__ import annotations

from enum import StrEnum

NORMAL_CLEARING = 16
USER_BUSY = 17
NO_USER_RESPONSE = 18
NO_ANSWER = 19
CALL_REJECTED = 21
NETWORK_OUT_OF_ORDER = 38
SWITCH_CONGESTION = 42
INTERWORKING = 127
UNKNOWN = 0


class EndReason(StrEnum):
    """Who or what ended a call. One of these for every call, always."""

    CALLER_HUNG_UP = "caller_hung_up"
    AGENT_HUNG_UP = "agent_hung_up"
    COMPLETED = "completed"  # the tree, the queue chain or voicemail came to its end
    REJECTED = "rejected"  # blocked caller, unknown DID
    TELEPHONY_RESTARTED = "telephony_restarted"  # Asterisk died under the call
    FAILED = "failed"  # a command we could not carry out left nothing else to do


class QueueExit(StrEnum):
    """Why a caller left a queue without an agent; app_queue's QUEUESTATUS, plus the caller's own hang-up."""

    TIMEOUT = "timeout"
    FULL = "full"
    JOIN_EMPTY = "join_empty"
    LEAVE_EMPTY = "leave_empty"
    JOIN_UNAVAILABLE = "join_unavailable"
    LEAVE_UNAVAILABLE = "leave_unavailable"
    EXIT_KEY = "exit_key"
    CONTINUED = "continued"  # the agent hung up and the dialplan went on
    ABANDONED = "abandoned"
    UNKNOWN = "unknown"


class ConferenceExit(StrEnum):
    """Why a caller is no longer in a conference, or never got in."""

    LEFT = "left"  # by key
    KICKED = "kicked"  # by a moderator, the API, or because the meeting was ended for all
    PIN = "pin"  # not let in: three wrong PINs
    LOCKED = "locked"  # not let in
    FULL = "full"  # not let in
    UNKNOWN = "unknown"  # there is no such conference (any more), or it could not be joined


_CONFERENCE_RESULT = {
    "DTMF": ConferenceExit.LEFT,
    "KICKED": ConferenceExit.KICKED,
    "PIN": ConferenceExit.PIN,
    "LOCKED": ConferenceExit.LOCKED,
    "FULL": ConferenceExit.FULL,
}


def conference_exit(result: str) -> ConferenceExit:
    """CONFBRIDGE_RESULT, or what dialplans/to-conference.conf says instead, in our words."""
    return _CONFERENCE_RESULT.get(result.upper(), ConferenceExit.UNKNOWN)


_QUEUE_STATUS = {
    "TIMEOUT": QueueExit.TIMEOUT,
    "FULL": QueueExit.FULL,
    "JOINEMPTY": QueueExit.JOIN_EMPTY,
    "LEAVEEMPTY": QueueExit.LEAVE_EMPTY,
    "JOINUNAVAIL": QueueExit.JOIN_UNAVAILABLE,
    "LEAVEUNAVAIL": QueueExit.LEAVE_UNAVAILABLE,
    "CONTINUE": QueueExit.CONTINUED,
    "WITHDRAW": QueueExit.EXIT_KEY,
}


def queue_exit(status: str) -> QueueExit:
    """app_queue's QUEUESTATUS in our words."""
    return _QUEUE_STATUS.get(status.upper(), QueueExit.UNKNOWN)
