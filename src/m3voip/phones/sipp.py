"""Running SIPp: many callers of one plan at a rate, its figures read back. Bounded in time; the process never outlives
the call of ``run``."""

from __future__ import annotations

import asyncio
import csv
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from m3voip.phones.errors import PhoneError
from m3voip.phones.media.sounds import tone
from m3voip.phones.sip.message import Address
from m3voip.phones.sipp_scenario import HangUp, Plan, Say, play_seconds, render


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """How many calls, how fast, from whom. ``tone`` (Hz) makes every caller speak from the answer on."""

    calls: int = 1
    per_second: float = 1.0
    at_once: int = 1000
    caller_id: str = "15550001111"
    tone: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SippCall:
    """One call as SIPp saw it; times are seconds since 1970, None where it did not happen."""

    call_id: str
    answered_at: float | None
    ended_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SippResult:
    """What came of a run."""

    successful: int
    failed: int
    retransmissions: int
    calls: tuple[SippCall, ...]
    answer_ms: tuple[float, ...]
    """INVITE to 200, one per answered call."""
    errors: str
    """SIPp's error log, for messages."""


def is_installed() -> bool:
    """Whether this machine has SIPp."""
    return shutil.which("sipp") is not None


def can_press_keys() -> bool:
    """Whether RFC 4733 keys can be sent: SIPp needs a raw socket (root, or the capability net_raw)."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close()
    except PermissionError:
        return False
    return True


async def run(
    server: Address, number: str, plan: Plan, load: Load = Load(), *, local_host: str = "127.0.0.1",
    media_port: int = 52000,
) -> SippResult:  # fmt: skip
    """Call ``number`` by the plan. Raises PhoneError where SIPp cannot run or did not end in its time (twice what the
    plan should take, and 30 s)."""
    if plan.needs_raw_socket and not can_press_keys():
        raise PhoneError("SIPp needs a raw socket for keys; run as root or use Plan(keys='info') or Softphone")
    if load.tone is not None:
        plan = Plan(steps=(Say("tone.ul"), *plan.steps), ending=plan.ending, keys=plan.keys)
    ending = 2.0 if isinstance(plan.ending, HangUp) else plan.ending.within
    bound = 2 * (load.calls / load.per_second + play_seconds(plan.steps) + ending) + 30
    with tempfile.TemporaryDirectory(prefix="m3voip-sipp-") as folder:
        home = Path(folder)
        (home / "caller.xml").write_text(render(plan, load.caller_id))
        if load.tone is not None:
            (home / "tone.ul").write_bytes(b"".join(tone(load.tone).frames("ulaw")))
        argv = [
            "sipp", f"{server[0]}:{server[1]}", "-sf", "caller.xml", "-s", number, "-i", local_host, "-mi", local_host,
            "-p", str(_free_port(local_host, socket.SOCK_DGRAM)), "-cp", str(_free_port("127.0.0.1", socket.SOCK_DGRAM)),
            "-mp", str(media_port), "-m", str(load.calls), "-r", f"{max(1, round(load.per_second * 1000))}",
            "-rp", "1000000", "-l", str(load.at_once), "-nostdin", "-aa", "-timeout", f"{bound:.0f}s", "-timeout_error",
            "-trace_stat", "-stf", "stat.csv", "-fd", "1", "-trace_rtt", "-rtt_freq", "1", "-trace_err",
            "-error_file", "errors.log", "-trace_logs", "-log_file", "calls.log",
        ]  # fmt: skip
        await _run_process(argv, home, bound + 5)
        return _read(home)


async def _run_process(argv: list[str], home: Path, bound: float) -> None:
    with (home / "screen").open("wb") as screen:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, cwd=home, stdin=asyncio.subprocess.DEVNULL, stdout=screen, stderr=screen,
                env={**os.environ, "TERM": "dumb"},
            )  # fmt: skip
        except FileNotFoundError:
            raise PhoneError("SIPp is not installed (package sip-tester)") from None
    try:
        async with asyncio.timeout(bound):
            code = await process.wait()
    except TimeoutError:
        raise PhoneError(f"SIPp did not end within {bound:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code not in (0, 1):  # 1: some call failed; the figures say which
        raise PhoneError(f"SIPp ended with {code}: {_text(home / 'errors.log')[-600:]} {_text(home / 'screen')[-600:]}")


def _read(home: Path) -> SippResult:
    with (home / "stat.csv").open(newline="") as file:
        last = list(csv.DictReader(file, delimiter=";"))[-1]
    times: list[float] = []
    for path in home.glob("*_rtt.csv"):
        with path.open(newline="") as file:
            times += [float(row[1]) for row in csv.reader(file, delimiter=";") if len(row) > 2 and row[2] == "answer"]
    answered: dict[str, float] = {}
    ended: dict[str, float] = {}
    for line in _text(home / "calls.log").splitlines():
        what, _, rest = line.partition(";")
        call_id, _, stamp = rest.partition(";")  # [timestamp] ends with the seconds since 1970
        if what in ("answered", "ended"):
            (answered if what == "answered" else ended).setdefault(call_id, float(stamp.split()[-1]))
    calls = [SippCall(call_id=i, answered_at=answered[i], ended_at=ended.get(i)) for i in answered]
    return SippResult(
        successful=int(last["SuccessfulCall(C)"]), failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]), calls=tuple(calls), answer_ms=tuple(times),
        errors=_text(home / "errors.log"),
    )  # fmt: skip


def _text(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""


def _free_port(host: str, kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
