"""DIDs that lead straight to a queue: the chain of overflow queues, then a mailbox, as a tree like any other."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core.call import Call
from m3voip.core.causes import QueueExit
from m3voip.core.life import step
from m3voip.core.office import Did, Office, Queue
from m3voip.engine.places import made_trees
from m3voip.ivr.compile import compile_text

pytestmark = pytest.mark.unit

T0 = datetime(2026, 11, 23, tzinfo=UTC)


def queue(name: str, overflow: str = "", box: str = "") -> Queue:
    return Queue(
        tenant_id=DEFAULT_TENANT, name=name, strategy="rrmemory", ring_timeout_s=15, retry_s=1, wrapup_s=0,
        max_wait_s=30, maxlen=0, weight=0, announce_interval_s=30, announce_position=True, announce_holdtime="yes",
        music="default", join_empty=(), leave_empty=(), overflow=overflow, box=box, record=True, members=(),
    )  # fmt: skip


def did(name: str) -> Did:
    return Did(tenant_id=DEFAULT_TENANT, digits="155", tree="", queue=name, floor_queue="", floor_box="")


@pytest.mark.parametrize(
    ("queues", "visited", "last"),
    [
        ((queue("a"),), ["a"], "Hangup"),
        ((queue("a", box="801"),), ["a"], "SendToVoicemail"),
        ((queue("a", "b", "801"), queue("b", "c"), queue("c")), ["a", "b", "c"], "SendToVoicemail"),
        ((queue("a", "b"), queue("b", "a", "802")), ["a", "b"], "SendToVoicemail"),
    ],
)
def test_a_caller_goes_down_the_chain_and_once_only(queues: tuple[Queue, ...], visited: list[str], last: str) -> None:
    (text,) = made_trees(Office(queues=queues, dids=(did("a"),)))
    tree = compile_text(text.source, name=text.name, version=0)
    call = Call(id=UUID(int=1), tenant_id=DEFAULT_TENANT, leg="l")
    arrived = ev.CallArrived(at=T0, leg="l", node="n", created=T0, did="155", caller="1")
    made = step(call, arrived, T0, tree)
    seen: list[str] = []
    while isinstance(sent := made.commands[-1], do.SendToQueue):
        seen.append(sent.queue)
        made = step(made.call, ev.QueueLeft(at=T0, queue=sent.queue, exit=QueueExit.TIMEOUT), T0, tree)
    assert seen == visited
    assert type(made.commands[-1]).__name__ == last
