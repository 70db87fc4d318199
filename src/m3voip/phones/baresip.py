"""baresip as a scripted phone: an independent SIP stack with TLS and SRTP, driven over its control socket.

What is known of Debian's 1.0.0 and kept in mind here: codec names need rate and channels (else all are offered); a wav as
source ends the call when it ends, so the source is a sine without end; REGISTER_OK may come before we are connected, so
`reginfo` is asked; received audio is no longer recorded once the decoder is made anew (re-INVITE, or the other side
changes codec), so offer one codec where listening matters; there is no attended transfer."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import time
import wave
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from m3voip.phones.baresip_control import Control, Event
from m3voip.phones.errors import PhoneError, PhoneTimeoutError, RegistrationRefusedError

CODECS = {"opus": "opus/48000/2", "g722": "G722/16000/1", "alaw": "PCMA/8000/1", "ulaw": "PCMU/8000/1"}
_MODULE_FOLDERS = ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules",
                   "/usr/lib/aarch64-linux-gnu/baresip/modules")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Who the phone is and how it speaks. Without SRTP set ``media_encryption`` to ""."""

    address: str
    port: int
    username: str
    password: str
    ca: Path | None = None
    """The only authority trusted for the server's certificate; None takes any certificate."""
    transport: Literal["udp", "tcp", "tls"] = "tls"
    media_encryption: Literal["srtp-mand", "srtp", ""] = "srtp-mand"
    codecs: tuple[str, ...] = ("g722", "alaw", "ulaw")
    tone: int = 440
    """Hz of the sine the phone says."""
    answers_itself: bool = False
    line: str = ""
    """Of its accounts file, as somebody was told to write it; otherwise it is made of the above."""


class Baresip:
    """One baresip process; ``home`` gets its configuration, log and recordings. Use as an async context manager."""

    def __init__(self, account: Account, home: Path) -> None:
        self.account = account
        self.events: list[Event] = []
        self._home = home
        self._changed = asyncio.Event()
        self._control = Control(self._event)
        self._process: asyncio.subprocess.Process | None = None

    @staticmethod
    def is_installed() -> bool:
        """Whether this machine has baresip and its modules."""
        return shutil.which("baresip") is not None and _module_folder() is not None

    async def __aenter__(self) -> Self:
        """Start the process and connect to it. Raises PhoneError with the end of its log."""
        ctrl = self._configure()
        with (self._home / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "baresip", "-4", "-v", "-f", str(self._home), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        try:
            await self._connect(ctrl)
        except BaseException:
            await self._end_process()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ask it to quit (it unregisters and hangs up); kill it after 3 s."""
        try:
            await self._control.command("quit", "")
        except (PhoneError, TimeoutError):
            pass  # the process is ended below
        finally:
            await self._end_process()

    async def _connect(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        deadline = time.monotonic() + 10
        while True:
            try:
                await loop.create_connection(lambda: self._control, "127.0.0.1", port)
            except OSError:
                if time.monotonic() > deadline or (self._process and self._process.returncode is not None):
                    raise PhoneError(f"baresip did not start: {self.log()[-800:]}") from None
                await asyncio.sleep(0.05)
            else:
                return

    async def _end_process(self) -> None:
        self._control.close()
        if self._process is None:
            return
        try:
            async with asyncio.timeout(3):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _configure(self) -> int:
        """Write the files; returns the control port. baresip takes SIP port + 1 for TLS, hence a free pair."""
        self._home.mkdir(parents=True, exist_ok=True)
        (self._home / "heard").mkdir(exist_ok=True)
        modules = _module_folder()
        if modules is None:
            raise PhoneError("baresip's modules are not installed; install baresip-core")
        sip, ctrl, rtp = _free_pair(), _free_pair(), _free_pair()
        me = self.account
        parts = [
            f"<sip:{me.username}@{me.address}:{me.port};transport={me.transport}>", f"auth_user={me.username}",
            f"auth_pass={me.password}", f"answermode={'auto' if me.answers_itself else 'manual'}", "regint=60",
            "audio_codecs=" + ",".join(CODECS[c] for c in me.codecs), "ptime=20",
        ]  # fmt: skip
        if me.media_encryption:
            parts.append(f"mediaenc={me.media_encryption}")
        if me.line:
            parts = [me.line, f"answermode={'auto' if me.answers_itself else 'manual'}"]
        (self._home / "accounts").write_text(";".join(parts) + "\n")
        (self._home / "accounts").chmod(0o600)
        (self._home / "contacts").write_text("")
        config = _CONFIG.format(
            sip=sip, ctrl=ctrl, rtp=rtp, rtp_last=rtp + 19, trust=f"sip_cafile {me.ca}" if me.ca else "",
            modules=modules, tone=me.tone, heard=self._home / "heard",
        )  # fmt: skip
        (self._home / "config").write_text(config)
        return ctrl

    # Events

    def _event(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    def mark(self) -> int:
        """The place in ``events`` from which to wait for new ones."""
        return len(self.events)

    async def wait_for(self, kind: str, within: float = 10.0, since: int = 0) -> Event:
        """Wait for an event of this kind. Raises PhoneTimeoutError with those that came."""
        try:
            async with asyncio.timeout(within):
                while True:
                    for event in self.events[since:]:
                        if event.kind == kind:
                            return event
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            came = [f"{e.kind} {e.parameter}" for e in self.events]
            raise PhoneTimeoutError(f"{kind} not within {within} s; came: {came}") from None

    # Acting

    async def registered(self, within: float = 10.0) -> None:
        """Wait for the registration. Raises RegistrationRefusedError (401, 403), PhoneTimeoutError."""
        deadline = time.monotonic() + within
        while not re.search(r"\x1b\[32mOK", await self._control.command("reginfo", "")):
            # No event tells why, only the log does.
            if refused := re.search(r"reg: .*: ([3-6]\d\d) ([^(\n]*)", self.log()):
                raise RegistrationRefusedError(
                    int(refused[1]), refused[2].strip(), f"REGISTER of {self.account.username}"
                )
            if time.monotonic() > deadline:
                raise PhoneTimeoutError(
                    f"{self.account.username} not registered within {within} s: {self.log()[-400:]}"
                )
            await asyncio.sleep(0.1)

    async def dial(self, number: str) -> None:
        """Call a number at our server; wait_for CALL_ESTABLISHED or CALL_CLOSED next."""
        await self._control.command("dial", f"sip:{number}@{self.account.address}:{self.account.port}")

    async def accept(self) -> None:
        """Answer the call that rings."""
        await self._control.command("accept", "")

    async def hangup(self) -> None:
        """End or refuse the call."""
        await self._control.command("hangup", "")

    async def hold(self, on: bool = True) -> None:
        """Hold or resume."""
        await self._control.command("hold" if on else "resume", "")

    async def send_digits(self, digits: str) -> None:
        """Press keys (RFC 4733), 100 ms each, and let each go."""
        for digit in digits:
            await self._control.command("sndcode", digit)
            await asyncio.sleep(0.15)

    async def transfer(self, number: str) -> None:
        """Blind transfer by REFER."""
        await self._control.command("transfer", f"sip:{number}@{self.account.address}:{self.account.port}")

    # Looking

    def log(self) -> str:
        """What baresip printed."""
        path = self._home / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    async def heard(self, within: float = 3.0) -> tuple[npt.NDArray[np.int16], int]:
        """Samples and rate of what the last call heard. The call must be closed; baresip finishes the file a moment
        after it says so. Raises PhoneTimeoutError."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            files = sorted((self._home / "heard").glob("*-dec.wav"), key=lambda f: f.stat().st_mtime)
            if files and (audio := _finished(files[-1])) is not None:
                return audio
            await asyncio.sleep(0.05)
        raise PhoneTimeoutError("baresip recorded nothing")


def _finished(path: Path) -> tuple[npt.NDArray[np.int16], int] | None:
    try:
        with wave.open(str(path)) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
            return (samples[:: file.getnchannels()].astype(np.int16), file.getframerate()) if len(samples) else None
    except (wave.Error, EOFError):  # the heading is not written yet
        return None


def _module_folder() -> str | None:
    return next((folder for folder in _MODULE_FOLDERS if Path(folder).is_dir()), None)


def _free_pair() -> int:
    """An even TCP and UDP port that is free together with the next."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1]) & ~1
        try:
            for number in (port, port + 1):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    with socket.socket(type=kind) as probe:
                        probe.bind(("127.0.0.1", number))
        except OSError:
            continue
        return port
    raise PhoneError("no free pair of ports")


_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip}
{trust}
call_local_timeout 120
call_max_calls 6
audio_source ausine,{tone}
audio_player aubridge,nil
audio_alert aubridge,nil2
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 2
auplay_channels 1
audio_level no
rtp_ports {rtp}-{rtp_last}
rtp_stats yes
rtcp_mux no
module_path {modules}
module g711.so
module g722.so
module opus.so
module aubridge.so
module ausine.so
module sndfile.so
module srtp.so
module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{ctrl}
snd_path {heard}
"""
