"""Does sound come through? The RTP ports, and a real call to Asterisk's echo with a tone sent and heard again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import psutil

from m3voip.phones import CallRefusedError, PhoneError, PhoneTimeoutError, Softphone
from m3voip.stack.doctor.finding import Finding, Subject, fail, ok, warn
from m3voip.stack.secrets import AgentSecret

ECHO = "600"
"""dialplans/from-agent.conf: hear yourself."""
TONE_HZ = 440


async def check(subject: Subject) -> list[Finding]:
    """Ports first: a full range explains a silent call."""
    return [await asyncio.to_thread(_ports, subject.settings.rtp_start, subject.settings.rtp_end), await _echo(subject)]


def _ports(start: int, end: int) -> Finding:
    strangers: dict[str, int] = {}
    for connection in psutil.net_connections("udp"):
        if connection.laddr and start <= connection.laddr.port <= end:
            name = psutil.Process(connection.pid).name() if connection.pid else "another user's program"
            if name != "asterisk":
                strangers[name] = strangers.get(name, 0) + 1
    total, taken = end - start + 1, sum(strangers.values())
    if taken > total // 2:
        return fail(f"{taken} of {total} RTP ports are taken by {', '.join(strangers)}", "move the range (ports.json)")
    if taken:
        return warn(f"{taken} of {total} RTP ports are taken by {', '.join(strangers)}", "move that program elsewhere")
    return ok(f"RTP ports {start}-{end} are Asterisk's alone, enough for {total // 2} audio streams")


async def _echo(subject: Subject) -> Finding:
    if subject.secrets is None:
        return warn("no phone to make a test call with", "run the doctor where the stack's secrets.json is")
    return await call_echo(subject.settings.sip_address, subject.settings.sip_udp_port, subject.secrets.agents)


async def call_echo(address: str, port: int, phones: Sequence[AgentSecret]) -> Finding:
    """Call as the first of these phones that may. None has to be registered, so nobody's phone is disturbed."""
    finding = fail("there is no phone to make a test call with", "make an agent (POST /v1/agents)")
    for secret in phones:
        try:
            return await _call(address, port, secret)
        except CallRefusedError as error:
            finding = fail(
                f"no test phone may call: {str(error).splitlines()[0]}",
                "phones are made by the service from the database; is it running? (m3voip stack status)",
            )
        except _SilenceError as error:
            # Perhaps it is no phone of this Asterisk any more, and what answered was the way for callers.
            finding = fail(
                f"the test call failed: {error}",
                "is UDP between this machine and the RTP range open, and does rtp.conf have the range of settings.env?",
            )
        except (PhoneError, OSError) as error:
            return fail(
                f"the test call was not answered: {str(error).splitlines()[0]}",
                "is Asterisk running? (m3voip stack status)",
            )
    return finding


class _SilenceError(Exception):
    """The call was answered and what we said did not come back."""


async def _call(address: str, port: int, secret: AgentSecret) -> Finding:
    async with Softphone(address, port, "udp", secret.username, secret.password) as phone:
        call = await phone.dial(ECHO, tone=TONE_HZ)
        await call.answered(within=3)
        try:
            await call.hear_tone(TONE_HZ, within=2)
        except PhoneTimeoutError as error:
            raise _SilenceError(str(error).splitlines()[0]) from error
        return ok(
            f"a test call to the echo came back: answered in {call.seconds('invite', 'answered') * 1000:.0f} ms, "
            f"{call.ear.packets} RTP packets, the tone of {TONE_HZ} Hz among them"
        )
