from panoramisk.utils import CaseInsensitiveDict

class Message(CaseInsensitiveDict):
    @property
    def success(self) -> bool: ...
    @classmethod
    def from_line(cls, line: str) -> Message | None: ...
