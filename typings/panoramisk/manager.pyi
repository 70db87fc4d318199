"""Only what m3voip uses of panoramisk 1.4."""

from collections import deque
from collections.abc import Sequence

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol
from panoramisk.message import Message

class Manager:
    protocol: AMIProtocol | None
    awaiting_actions: deque[Action]
    forgetable_actions: Sequence[str]
    def __init__(self, **config: object) -> None: ...
    def dispatch(self, event: Message) -> object: ...
    def connection_lost(self, exc: object) -> None: ...
    def close(self) -> None: ...
