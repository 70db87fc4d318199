"""The dialplan's laws: no text from outside unfiltered, a floor behind every Stasis(), no way out to a trunk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from m3voip.providers.asterisk.provision import (
    ConferenceConfig,
    DidConfig,
    EndpointConfig,
    EndpointKind,
    Provisioning,
    QueueConfig,
    TrunkConfig,
    render,
)
from tests.architecture.dialplan import Step, complaints, reach, steps

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
ETC = ROOT / "asterisk" / "etc"
MODULE_OF = {
    "AGI": "res_agi", "AgentLogin": "app_agent_pool", "AgentRequest": "app_agent_pool",
    "Answer": "", "Bridge": "", "ConfBridge": "app_confbridge", "Dial": "app_dial", "Echo": "app_echo",
    "Gosub": "app_stack", "Goto": "",
    "GotoIf": "", "Hangup": "", "Milliwatt": "app_milliwatt", "MixMonitor": "app_mixmonitor",
    "Playback": "app_playback", "Queue": "app_queue", "QueueLog": "app_queue", "Read": "app_read",
    "Record": "app_record", "Return": "app_stack", "Set": "", "Stasis": "app_stasis", "Wait": "",
}  # fmt: skip
"""Which module an application comes from; "" is Asterisk's core."""

OFFICE = Provisioning(
    endpoints=tuple(
        EndpointConfig(name=f"e{n:010x}", kind=EndpointKind.DESK_TLS, ha1="0" * 32, extension="101", context=context)
        for n, context in enumerate(("from-agent", "from-agent-0a1b2c3d"))
    ),
    queues=(QueueConfig(name="sales", join_announcement="0" * 32),),
    trunks=(TrunkConfig(name="trunk-carrier", addresses=("192.0.2.1",), server="sip.example.net"),),
    dids=(DidConfig(number="15550100100", queue="sales", mailbox="801@default"),),
    conferences=tuple(
        ConferenceConfig(name=f"c{n:032x}", number="800", context=context)
        for n, context in enumerate(("from-agent", "from-agent-0a1b2c3d"))
    ),
)


def loaded() -> set[str]:
    """Applications that the modules of modules.conf provide."""
    modules = set(re.findall(r"^load = (\w+)\.so", (ETC / "modules.conf").read_text(), re.MULTILINE))
    return {app for app, module in MODULE_OF.items() if not module or module in modules}


def shipped() -> list[Step]:
    files = [(path.name, path.read_text()) for path in sorted((ROOT / "dialplans").glob("*.conf"))]
    written = [(file.name, file.text) for file in render(OFFICE) if file.module == "pbx_config.so"]
    return steps([("extensions.conf", (ETC / "extensions.conf").read_text()), *files, *written])


def test_the_dialplan_keeps_every_law() -> None:
    plan = shipped()
    assert len(plan) > 60
    assert complaints(plan, loaded()) == []


def test_a_stranger_reaches_only_the_service_the_floor_queues_and_boxes() -> None:
    assert reach(shipped(), "from-trunk") == {
        "from-trunk", "inbound", "floor", "did-floor", "to-queue", "to-agent", "to-voicemail", "recording",
        "to-conference", "conference", "conference-settings",
        "queue-announcement", "line", "join",
    }  # fmt: skip


def test_a_tenant_s_phones_reach_no_other_tenant_s() -> None:
    assert reach(shipped(), "from-agent-0a1b2c3d") == {
        "from-agent-0a1b2c3d", "from-agent-0a1b2c3d-directory", "agent-services", "agent-to-agent", "agent-asks",
        "agent-told",
        "agent-to-conference", "conference", "conference-settings", "session",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Set(X=${EXTEN})", "text from outside"),
        ("Set(X=${CALLERID(name)})", "text from outside"),
        ("Set(X=${FILTER(0-9,${M3_DID})}${EXTEN:1})", "text from outside"),
        ("Set(X=${PJSIP_HEADER(read,X-Queue)})", "text from outside"),
        ("Dial(PJSIP/${FILTER(0-9,${EXTEN})}@trunk-carrier,30)", "not one agent's phone"),
        ("Dial(PJSIP/${M3_AGENT}&PJSIP/x@trunk-carrier)", "not one agent's phone"),
        ("Dial(Local/${M3_AGENT}@to-agent,30)", "not one agent's phone"),
        ("Stasis(m3voip,inbound)", "without the STASISSTATUS"),
        ("System(rm)", "runs programs"),
        ("Set(X=${SHELL(id)})", "reads or runs things"),
        ("MixMonitor(a.wav,b,cat)", "with a command"),
        ("Festival(hello)", "no module for"),
        ("Goto(nowhere,s,1)", "no context nowhere"),
    ],
)
def test_the_lint_sees(line: str, complaint: str) -> None:
    plan = steps([("x.conf", f"[from-trunk]\nexten => _X.,1,{line}\n same => n,Hangup()\n")])
    assert [c for c in complaints(plan, {*loaded(), "System"}) if complaint in c]


def test_a_line_it_does_not_understand_is_not_skipped() -> None:
    with pytest.raises(ValueError, match=r"x\.conf:2"):
        steps([("x.conf", "[from-trunk]\nswitch => Lua/x\n")])


def test_no_switch_lets_anything_in_that_the_lint_does_not_read() -> None:
    text = (ETC / "extensions.conf").read_text()
    assert re.findall(r"^#(\w+) (.*)$", text, re.MULTILINE) == [
        ("include", "dialplans/*.conf"),
        ("tryinclude", "generated/announcements.conf"),
        ("tryinclude", "generated/dids.conf"),
        ("tryinclude", "generated/directory.conf"),
        ("tryinclude", "generated/conferences.conf"),
        ("tryinclude", "bench/*.conf"),
    ]
