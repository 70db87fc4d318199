"""The settings that might make calls cheaper or dearer, one change each against the configuration as shipped.

Measured by pairs.py. A lever belongs here also when it turned out to do nothing: that is worth knowing too.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from tests.bench.instance import BenchStack, Patch
from tests.bench.modes import ANSWERED, QUIET, STASIS, STEPS, Mode

LEAN = ("bare_ari.py", "--answered", "--drop", QUIET)
"""The bare script of mode (c'), which is what m3voip does with a call."""


def _untouched(_stack: BenchStack) -> None:
    """Configuration as shipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """`patch` changes the configuration, `program` and `number` the application."""

    name: str
    says: str
    patch: Patch = _untouched
    program: tuple[str, ...] = LEAN
    number: str = ANSWERED

    @property
    def mode(self) -> Mode:
        """As something to be measured."""
        return Mode(name=self.name, label=self.says, number=self.number, program=self.program)


def setting(file: str, section: str, name: str, value: str, *, again: bool = False) -> Patch:
    """Set `name` in a section of a configuration file; the line is added when there is none, or once more (`again`)."""

    def patch(stack: BenchStack) -> None:
        path = stack.folders.asterisk_etc / file
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        head = re.search(rf"^\[{re.escape(section)}\].*$", text, re.MULTILINE)
        if head is None:
            text += f"\n[{section}]\n"
            head = re.search(rf"^\[{re.escape(section)}\].*$", text, re.MULTILINE)
            assert head is not None
        rest = text[head.end() :]
        end = rest.find("\n[")
        body, after = (rest, "") if end < 0 else (rest[:end], rest[end:])
        body, hits = (body, 0) if again else re.subn(rf"(?m)^\s*{re.escape(name)}\s*=.*$", f"{name} = {value}", body)
        path.write_text(text[: head.end()] + body + ("" if hits else f"\n{name} = {value}") + after, encoding="utf-8")

    return patch


def added(file: str, text: str) -> Patch:
    """Append to a configuration file."""

    def patch(stack: BenchStack) -> None:
        with (stack.folders.asterisk_etc / file).open("a", encoding="utf-8") as out:
            out.write(f"\n{text}\n")

    return patch


def both(*patches: Patch) -> Patch:
    """Several at once."""

    def patch(stack: BenchStack) -> None:
        for each in patches:
            each(stack)

    return patch


def stretched_password(stack: BenchStack) -> None:
    """The ARI password as sha512-crypt, which costs the same at every request."""
    password = stack.settings.ari_password.get_secret_value()
    done = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True
    )
    setting("ari.conf", stack.settings.ari_user, "password", done.stdout.strip())(stack)


def without_module(name: str) -> Patch:
    """Take a module out of the allow-list."""

    def patch(stack: BenchStack) -> None:
        path = stack.folders.asterisk_etc / "modules.conf"
        text, hits = re.subn(rf"(?m)^load\s*=>?\s*{re.escape(name)}\.so.*\n", "", path.read_text(encoding="utf-8"))
        assert hits == 1, name
        path.write_text(text, encoding="utf-8")

    return patch


def one_format(stack: BenchStack) -> None:
    """The prompt only as 16 kHz linear, so that Asterisk transcodes."""
    for ending in ("ulaw", "alaw"):
        (stack.folders.prompts / f"bench.{ending}").unlink()


def removed(file: str, pattern: str) -> Patch:
    """A configuration file without the settings whose names match."""

    def patch(stack: BenchStack) -> None:
        path = stack.folders.asterisk_etc / file
        text, hits = re.subn(rf"(?m)^{pattern}\s*=.*\n", "", path.read_text(encoding="utf-8"))
        assert hits, pattern
        path.write_text(text, encoding="utf-8")

    return patch


def _environ(**values: str) -> Patch:
    def patch(stack: BenchStack) -> None:
        stack.environ = dict(values)

    return patch


def _drop(*kinds: str) -> tuple[str, ...]:
    return ("bare_ari.py", "--answered", "--drop", ",".join(kinds))


AS_SHIPPED = Lever(name="shipped", says="as shipped: bare script of mode (c')")
_ALL = tuple(QUIET.split(","))


def _declined(*types: str) -> Patch:
    return both(*(setting("stasis.conf", "declined_message_types", "decline", each, again=True) for each in types))


def _trunk(**values: str) -> Patch:
    return both(*(setting("pjsip.conf", "_trunk", name, value) for name, value in values.items()))


def _pool(size: int) -> Patch:
    return added("stasis.conf", f"[threadpool]\ninitial_size = {size}\nmax_size = {size}")


APPLICATION = (
    Lever(name="answer-by-ari", says="answer by ARI, not in the dialplan",
          program=("bare_ari.py", "--drop", QUIET), number=STASIS),
    Lever(name="ten-steps", says="five more steps of dialplan before Stasis", number=STEPS),
    Lever(name="no-filter", says="no event filter", program=_drop()),
    *(
        Lever(name=f"get-{kind}", says=f"{kind} not filtered", program=_drop(*(other for other in _ALL if other != kind)))
        for kind in _ALL
    ),
    Lever(name="no-PlaybackFinished", says="PlaybackFinished filtered too", program=_drop(*_ALL, "PlaybackFinished")),
    Lever(name="no-ChannelDestroyed", says="ChannelDestroyed filtered too", program=_drop(*_ALL, "ChannelDestroyed")),
    Lever(name="continue", says="hang up by `continue` to a Hangup extension", program=(*LEAN, "--hangup", "continue")),
    Lever(name="http", says="REST by HTTP", program=(*LEAN, "--rest", "http")),
    Lever(name="asyncio", says="asyncio's own loop, not uvloop", program=(*LEAN, "--loop", "asyncio")),
)  # fmt: skip

CONFIGURATION = (
    Lever(name="sha512", says="ARI password hashed by sha512-crypt", patch=stretched_password),
    Lever(name="no-cel", says="CEL off", patch=setting("cel.conf", "general", "enable", "no")),
    Lever(name="cdr", says="CDR on, though nobody reads them", patch=setting("cdr.conf", "general", "enable", "yes")),
    Lever(name="no-ami", says="AMI off", patch=setting("manager.conf", "general", "enabled", "no")),
    Lever(name="ami-all-made", says="AMI without `disabledevents`: unwanted events are made and then filtered",
          patch=removed("manager.conf", "disabledevents")),
    Lever(name="ami-no-devices", says="AMI without res_manager_devicestate", patch=without_module("res_manager_devicestate")),
    Lever(name="ami-no-filters", says="AMI without event filters",
          patch=removed("manager.conf", r"eventfilter\(name\(\w+\)\)")),
    Lever(name="no-channelvars", says="ari.conf and manager.conf without channelvars",
          patch=both(setting("ari.conf", "general", "channelvars", ""), setting("manager.conf", "general", "channelvars", ""))),
    Lever(name="declined", says="stasis.conf: decline VarSet and DTMF begin (AMI refuses to start then, so it is off too)",
          patch=both(setting("manager.conf", "general", "enabled", "no"),
                     _declined("ast_channel_varset_type", "ast_channel_dtmf_begin_type"))),
    Lever(name="declined-rtcp", says="stasis.conf: decline RTCP messages",
          patch=_declined("ast_rtp_rtcp_sent_type", "ast_rtp_rtcp_received_type")),
    Lever(name="test-messages", says="stasis.conf: test messages not declined", patch=removed("stasis.conf", "decline")),
    Lever(name="stasis-2", says="stasis.conf: 2 threads", patch=_pool(2)),
    Lever(name="stasis-20", says="stasis.conf: 20 threads", patch=_pool(20)),
    Lever(name="sip-2", says="pjsip.conf: taskpool of 2, not 5",
          patch=both(*(setting("pjsip.conf", "system", f"taskpool_{each}_size", "2") for each in ("minimum", "initial", "max")))),
    Lever(name="no-timers", says="trunks without session timers", patch=_trunk(timers="no")),
    Lever(name="no-rtp-timeout", says="trunks without rtp_timeout", patch=_trunk(rtp_timeout="0", rtp_timeout_hold="0")),
    Lever(name="no-symmetric", says="trunks without rtp_symmetric", patch=_trunk(rtp_symmetric="no")),
    Lever(name="one-codec", says="trunks with ulaw only", patch=_trunk(allow="ulaw")),
    Lever(name="dtmf-info", says="trunks with dtmf_mode = info", patch=_trunk(dtmf_mode="info")),
    Lever(name="no-100rel", says="trunks with 100rel = no", patch=_trunk(**{"100rel": "no"})),
    Lever(name="rtcp-mux", says="trunks with rtcp_mux", patch=_trunk(rtcp_mux="yes")),
    Lever(name="ip-first", says="pjsip.conf: identify endpoints by address first",
          patch=setting("pjsip.conf", "global", "endpoint_identifier_order", "ip,username")),
    Lever(name="no-ice", says="rtp.conf: icesupport = no (browsers need it)",
          patch=setting("rtp.conf", "general", "icesupport", "no")),
    Lever(name="no-strictrtp", says="rtp.conf: strictrtp = no", patch=setting("rtp.conf", "general", "strictrtp", "no")),
    Lever(name="rtcp-60", says="rtp.conf: rtcpinterval = 60000",
          patch=setting("rtp.conf", "general", "rtcpinterval", "60000")),
    Lever(name="no-silence", says="asterisk.conf: transmit_silence = no",
          patch=setting("asterisk.conf", "options", "transmit_silence", "no")),
    Lever(name="no-media-cache", says="asterisk.conf: cache_media_frames = no",
          patch=setting("asterisk.conf", "options", "cache_media_frames", "no")),
    Lever(name="one-format", says="prompt only as 16 kHz linear: transcoding", patch=one_format),
    Lever(name="arenas-2", says="MALLOC_ARENA_MAX=2", patch=_environ(MALLOC_ARENA_MAX="2")),
    Lever(name="no-trim", says="malloc never gives memory back (GLIBC_TUNABLES)",
          patch=_environ(GLIBC_TUNABLES="glibc.malloc.trim_threshold=268435456:glibc.malloc.top_pad=4194304")),
)  # fmt: skip

LEVERS = (*APPLICATION, *CONFIGURATION)
