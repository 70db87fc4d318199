import asyncio
from collections.abc import Mapping, Sequence

from panoramisk.message import Message
from panoramisk.utils import CaseInsensitiveDict

class Action(CaseInsensitiveDict):
    as_list: bool | None
    responses: list[Message]
    future: asyncio.Future[Message | list[Message]]
    def __init__(self, headers: Mapping[str, str | Sequence[str]], *, as_list: bool | None = None) -> None: ...
    def add_message(self, message: Message) -> bool | None: ...
    @property
    def id(self) -> str: ...
    @property
    def action_id(self) -> str: ...
