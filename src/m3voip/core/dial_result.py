"""Our reading of how a dial through a trunk ended, and whether another trunk is worth a try.

Law: only a trunk that has not reached the callee's network is a reason for the next one. A callee who is busy, declines or does
not answer has been reached, and a phone that rang once is not rung again by another way.
Sources: ITU-T Q.850 (05/98) table 1; RFC 3261 §21; RFC 3398 §8.2.6.1 (SIP status to cause); Asterisk's hangup_sip2cause.
"""

from __future__ import annotations

from enum import StrEnum

from m3voip.core.causes import (
    CALL_REJECTED,
    NETWORK_OUT_OF_ORDER,
    NO_ANSWER,
    NO_USER_RESPONSE,
    SWITCH_CONGESTION,
    USER_BUSY,
)


class DialResult(StrEnum):
    """What became of an attempt that was cleared."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    REJECTED = "rejected"  # the callee declined
    UNALLOCATED = "unallocated"  # nobody has this number
    TRUNK_FAILED = "trunk_failed"  # no trunk got through
    CANCELLED = "cancelled"  # we gave up
    NOT_DIALLED = "not_dialled"  # the call it was for could not take it, or the service died before
    UNKNOWN = "unknown"


_TRUNK_CAUSES = frozenset({2, 3, 6, 20, 27, 34, NETWORK_OUT_OF_ORDER, 39, 40, 41, SWITCH_CONGESTION, 43, 44, 47, 49, 50, 57, 58,
                           63, 65, 69, 70, 79, 88, 95, 96, 97, 98, 99, 100, 101, 102, 111})  # fmt: skip
"""No route, no channel, no resource, out of order, a protocol error: the way is bad, not the callee."""
_CAUSES = {
    USER_BUSY: DialResult.BUSY,
    NO_ANSWER: DialResult.NO_ANSWER,
    CALL_REJECTED: DialResult.REJECTED,
    1: DialResult.UNALLOCATED,
    22: DialResult.UNALLOCATED,
    28: DialResult.UNALLOCATED,
}
_BUSY, _GONE, _REJECTED = frozenset({486, 600}), frozenset({404, 410, 484, 485, 604}), frozenset({603, 607, 608})
_TRUNK_STATUS = frozenset(
    {401, 402, 403, 405, 406, 407, 408, 413, 415, 420, 421, 422, 423, 482, 483, 488, 491, 493, 606}
)
"""Besides 500 to 599. 403: the carrier refuses us or the route; 408 before any ringing: nobody there. A callee's own 408 and
480 come after ringing, or are 480."""


def read(cause: int, status: int | None, *, rang: bool, silent: bool = False) -> DialResult:
    """How a dial that nobody answered ended. ``cause`` is Q.850, ``status`` SIP's final answer where it is known. ``rang``: the
    callee's phone did. ``silent``: we gave up because the trunk said nothing at all."""
    if silent and not rang:
        return DialResult.TRUNK_FAILED
    if status in _BUSY:
        return DialResult.BUSY
    if status in _GONE:
        return DialResult.UNALLOCATED
    if status in _REJECTED:
        return DialResult.REJECTED
    bad_way = cause in _TRUNK_CAUSES or (cause == NO_USER_RESPONSE and not rang)
    if status is not None and status >= 400:
        bad_way = status in _TRUNK_STATUS or 500 <= status < 600
    if bad_way and not rang:
        return DialResult.TRUNK_FAILED
    if bad_way or status == 480 or (rang and cause not in _CAUSES):
        return DialResult.NO_ANSWER
    return _CAUSES.get(cause, DialResult.UNKNOWN)
