import asyncio

from panoramisk.actions import Action
from panoramisk.manager import Manager
from panoramisk.message import Message

class AMIProtocol(asyncio.Protocol):
    transport: asyncio.Transport
    closed: bool
    encoding: str
    factory: Manager | None
    responses: dict[str, Action]
    def connection_made(self, transport: object) -> None: ...
    def send(self, data: Action, as_list: bool | None = ...) -> asyncio.Future[Message | list[Message]]: ...
    def handle_message(self, message: Message) -> None: ...
    def close(self) -> None: ...
