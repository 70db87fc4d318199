"""One FastAGI conversation: pyst2's AGI class, made fit for a thread of a server.

Law: a conversation ends within its budget, whatever the other side sends or does not send. Nothing it says is logged:
pyst2's trace on stderr holds the caller's number. Values given to the dialplan are checked here once more.
"""

from __future__ import annotations

import re
import socket
from time import monotonic
from urllib.parse import parse_qsl

from asterisk.agi import AGI, AGISIGHUPHangup, AGISIGPIPEHangup

LONGEST = 65_536
"""More bytes than Asterisk ever says in one of these conversations."""

_VALUE = re.compile(r"[A-Za-z0-9@_-]{0,128}").fullmatch
_NAME = re.compile(r"M3_[A-Z_]{1,40}").fullmatch


class _Lines:
    """What AGI reads from: lines, until the deadline. Raises AGIHangup when the caller or Asterisk is gone."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._buffer = b""
        self._read = 0

    def extend(self, deadline: float) -> None:
        """Another deadline, for what comes now."""
        self._deadline = deadline
        self._read = 0

    def readline(self) -> bytes:
        """The next line. Raises TimeoutError when the budget is spent."""
        while b"\n" not in self._buffer:
            left = self._deadline - monotonic()
            if left <= 0:
                raise TimeoutError("the budget is spent")
            self._connection.settimeout(left)
            data = self._connection.recv(4096)
            self._read += len(data)
            if not data or self._read > LONGEST:
                raise AGISIGPIPEHangup("the connection ended")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        if line.strip() == b"HANGUP":
            raise AGISIGHUPHangup("the caller hung up")
        return line.decode(errors="replace").encode()  # pyst2 decodes strictly; a stranger's name need not be UTF-8


class _Commands:
    """What AGI writes to."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def write(self, text: str) -> None:
        self._connection.sendall(text.encode())

    def flush(self) -> None:
        """Nothing is kept back."""


class _Nowhere:
    """Where pyst2's trace goes."""

    def write(self, text: str) -> None:
        """Forget it."""


class Session(AGI):
    """One conversation. pyst2's own constructor installs a signal handler, which only a main thread may do."""

    def __init__(self, connection: socket.socket, *, budget_s: float) -> None:
        """Read what Asterisk says about the call. Raises AGIHangup, TimeoutError or OSError."""
        self.stdin = self._lines = _Lines(connection, monotonic() + budget_s)
        self.stdout = _Commands(connection)
        self.stderr = _Nowhere()
        self.env: dict[str, str] = {}
        self._got_sighup = False
        self._get_agi_env()

    def get_result(self, *_stdin: object) -> dict[str, tuple[str, str]]:
        """Asterisk's answer to a command; pyst2 stumbles over one that does not begin with a number."""
        try:
            return super().get_result()
        except ValueError as error:
            raise AGISIGPIPEHangup("this is not AGI") from error

    def allow(self, seconds: float) -> None:
        """What follows may take this long from now: for conversations that wait for a person."""
        self._lines.extend(monotonic() + seconds)

    @property
    def script(self) -> str:
        """The path of the address, e.g. `did` of agi://host/did?digits=1."""
        return self.env.get("agi_network_script", "").partition("?")[0].strip("/")

    def given(self, name: str, position: int) -> str:
        """A value of the address's query, or else the argument at that position (1 = the first), unchecked."""
        query = dict(parse_qsl(self.env.get("agi_network_script", "").partition("?")[2]))
        return query.get(name) or self.env.get(f"agi_arg_{position}", "")

    def token(self, position: int) -> str:
        """An argument, if it is a name of ours (a mailbox, a context), else nothing."""
        value = self.env.get(f"agi_arg_{position}", "")
        return value if _VALUE(value) else ""

    def digits(self, name: str, position: int) -> str:
        """The same, reduced to what a number consists of: up to 15 digits (E.164), else nothing."""
        number = re.sub(r"[^0-9]", "", self.given(name, position)[:64])
        return number if 2 <= len(number) <= 15 else ""

    def set(self, name: str, value: str) -> None:
        """Set a channel variable; raises ValueError on a name or a value off the whitelist."""
        if _NAME(name) is None or _VALUE(value) is None:
            raise ValueError(f"{name} would get a value that is not allowed")
        self.set_variable(name, value)
