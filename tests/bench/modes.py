"""What is compared: one row a mode. A mode is a number to call and the program that answers it, if any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Python = Literal["ours", "peers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """`program` is a file of programs/ with its options, empty for plain dialplan; `python` says whose environment runs
    it. `label` is what the tables say."""

    name: str
    label: str
    number: str
    program: tuple[str, ...] = ()
    python: Python = "ours"
    is_service: bool = False


DIALPLAN, STASIS, ANSWERED, STEPS = "15550199100", "15550199200", "15550199210", "15550199220"
AGI, SERVICE = "15550199300", "15550199400"
"""The numbers in asterisk/bench.conf; the last one is m3voip's, provisioned like any other."""

QUIET = (
    "ChannelVarset,ChannelDialplan,ChannelStateChange,ChannelHangupRequest,PlaybackStarted,StasisEnd,"
    "ChannelConnectedLine,ChannelCallerId"
)
"""Event types that the flow has no use for."""

MODES = (
    Mode(name="dialplan", label="(a) plain dialplan", number=DIALPLAN),
    Mode(name="m3voip", label="(b) m3voip: engine, tree, event store", number=SERVICE, is_service=True),
    Mode(
        name="bare-socket", label="(c) bare ARI script, REST on the WebSocket", number=STASIS,
        program=("bare_ari.py", "--rest", "socket"),
    ),
    Mode(
        name="bare-http", label="(c) bare ARI script, REST by HTTP", number=STASIS,
        program=("bare_ari.py", "--rest", "http"),
    ),
    Mode(
        name="bare-lean", label="(c') bare ARI script with m3voip's configuration: answered in the dialplan, events filtered",
        number=ANSWERED, program=("bare_ari.py", "--answered", "--drop", QUIET),
    ),
    Mode(name="our-ari", label="m3voip's ARI client alone, same configuration", number=ANSWERED, program=("our_ari.py",)),
    Mode(name="aioari", label="aioari", number=STASIS, program=("peer_aioari.py",), python="peers"),
    Mode(name="asyncari", label="asyncari", number=STASIS, program=("peer_asyncari.py",), python="peers"),
    Mode(name="agi-pyst2", label="(d) FastAGI, pyst2", number=AGI, program=("agi_pyst2.py",)),
    Mode(name="agi-asyncio", label="(d) FastAGI, bare asyncio", number=AGI, program=("agi_asyncio.py",)),
)  # fmt: skip

BY_NAME = {mode.name: mode for mode in MODES}
