"""Rendering of the generated files: deterministic, and nothing off the whitelists gets in (invariant 4, bar S-01)."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from m3voip.providers.asterisk.provision import (
    ConferenceConfig,
    DidConfig,
    EndpointConfig,
    EndpointKind,
    GeneratedFile,
    MemberConfig,
    Provisioner,
    Provisioning,
    ProvisioningError,
    QueueConfig,
    Strategy,
    TrunkConfig,
    TrunkTransport,
    Unavailable,
    render,
)

pytestmark = pytest.mark.unit

ETC = Path(__file__).parents[2] / "asterisk" / "etc"
ANN = EndpointConfig(
    name="e00000000aa", kind=EndpointKind.DESK_TLS, ha1="0123456789abcdef" * 2, extension="101",
    display_name="Ann O'Hara", mailbox="101@default",
)  # fmt: skip
SALES = QueueConfig(
    name="sales", members=(MemberConfig(endpoint=ANN.name, name="101", penalty=2, paused=True),),
    join_empty=(Unavailable.PAUSED, Unavailable.INVALID),
)  # fmt: skip
CARRIER = TrunkConfig(
    name="trunk-carrier", addresses=("192.0.2.0/28",), server="sip.example.net:5061", username="u1", password="p#1",
    register=True, contact_user="15550100100", transport=TrunkTransport.TLS,
)  # fmt: skip
DID = DidConfig(number="15550100100", queue="sales", mailbox="101@default")
ROOM = ConferenceConfig(
    name=f"c{8:032x}", number="800", pin="0" * 40, moderator_pin="1" * 40, max_parties=5, record=True, music="",
    announce=False, locked_at_start=True, wait_for_moderator=True,
)  # fmt: skip
OFFICE = Provisioning(
    endpoints=(ANN,), queues=(SALES,), trunks=(CARRIER,), dids=(DID,), conferences=(ROOM,),
    default_queue="sales",
)  # fmt: skip


def text_of(name: str, config: Provisioning = OFFICE) -> str:
    return next(file.text for file in render(config) if file.name == name)


def test_an_endpoint_is_a_kind_with_a_digest_and_one_registration() -> None:
    assert text_of("pjsip.conf").split("\n\n")[1] == "\n".join((
        "[e00000000aa](_desk_tls)",
        "context = from-agent",
        "auth = e00000000aa",
        "aors = e00000000aa",
        'callerid = "Ann O\'Hara" <101>',
        "mailboxes = 101@default",
        "set_var = M3_MAILBOX=101@default",
        "[e00000000aa](_phone_auth)",
        "username = e00000000aa",
        "password_digest = MD5:0123456789abcdef0123456789abcdef",
        "[e00000000aa](_phone_aor)",
    ))  # fmt: skip


def test_a_conference_is_two_kinds_of_party_a_routine_and_a_number_of_its_tenant_s_phones() -> None:
    assert text_of("confbridge.conf").split("\n\n")[1] == "\n".join((
        f"[{ROOM.name}](_conference)",
        "max_members = 5",
        "record_conference = yes",
        f"record_file = /var/spool/asterisk/monitor/conference-{ROOM.name}.wav",
        f"[{ROOM.name}-participant](_participant)",
        "music_on_hold_when_empty = no",
        "music_on_hold_class = default",
        "quiet = yes",
        "marked = no",
        "wait_marked = yes",
        f"[{ROOM.name}-moderator](_moderator)",
        "music_on_hold_when_empty = no",
        "music_on_hold_class = default",
        "quiet = yes\n",
    ))  # fmt: skip
    assert f"exten => {ROOM.name},1,Set(M3_CONF_PIN={'0' * 40})" in text_of("conferences.conf")
    assert " same => n,Set(M3_CONF_LOCKED=yes)" in text_of("conferences.conf")
    assert f"exten => 800,1,Set(M3_CONFERENCE={ROOM.name})" in text_of("directory.conf")
    elsewhere = dataclasses.replace(OFFICE, conferences=(dataclasses.replace(ROOM, context="from-agent-0a1b2c3d"),))
    assert "800" not in text_of("directory.conf", elsewhere)
    with pytest.raises(ProvisioningError, match="same number twice"):
        dataclasses.replace(OFFICE, conferences=(dataclasses.replace(ROOM, number=ANN.extension),))


def test_a_browser_s_registration_is_one_that_ends_soon() -> None:
    browser = dataclasses.replace(ANN, kind=EndpointKind.BROWSER)
    assert "\n[e00000000aa](_browser_aor)\n" in text_of("pjsip.conf", Provisioning(endpoints=(browser,)))


def test_every_template_that_is_used_exists() -> None:
    browser = dataclasses.replace(ANN, kind=EndpointKind.BROWSER, name="e00000000bb", extension="102")
    office = dataclasses.replace(OFFICE, endpoints=(ANN, browser))
    written = "\n".join(file.text for file in render(office))
    shipped = "".join((ETC / name).read_text() for name in ("pjsip.conf", "queues.conf", "confbridge.conf"))
    kinds = {f"_{kind}" for kind in EndpointKind}
    for template in {*re.findall(r"\((_\w+)\)", written), *kinds, "_trunk"}:
        assert f"[{template}](!" in shipped, template


def test_a_queue_lists_its_members_with_their_pause() -> None:
    lines = text_of("queues.conf").splitlines()
    assert "member => PJSIP/e00000000aa,2,101,PJSIP/e00000000aa,,,yes" in lines
    assert {"joinempty = paused,invalid", "leavewhenempty = no", "strategy = rrmemory"} <= set(lines)


def test_a_line_that_is_kept_up_is_in_the_pool_and_a_member_by_its_own_state() -> None:
    line = MemberConfig(endpoint=ANN.name, name="101", penalty=2, session=True)
    office = dataclasses.replace(
        OFFICE,
        endpoints=(dataclasses.replace(ANN, session=True),),
        queues=(dataclasses.replace(SALES, members=(line,)),),
    )
    members = text_of("queues.conf", office).splitlines()
    assert "member => Local/e00000000aa@join,2,101,Agent:e00000000aa,,,no" in members
    assert "[e00000000aa](_agent)\nfullname = 101\n" in text_of("agents.conf", office)
    assert "(_agent)" not in text_of("agents.conf")


def test_a_skill_rule_is_penalties_and_when_the_highest_allowed_grows() -> None:
    skilled = dataclasses.replace(SALES, penalty_changes=((30, 201), (60, 302)))
    office = dataclasses.replace(OFFICE, queues=(skilled, dataclasses.replace(SALES, name="support")))
    rules = text_of("queuerules.conf", office).split("\n\n")
    assert rules[1].splitlines() == ["[sales]", "penaltychange => 30,201", "penaltychange => 60,302"]
    assert len(rules) == 2
    sales, support = text_of("queues.conf", office).split("\n\n")[1:]
    assert "defaultrule = sales" in sales.splitlines()
    assert "defaultrule = " in support.splitlines()  # what is left out would stay as it was


def test_a_queue_s_announcements_are_rendered_prompts() -> None:
    keys = [f"{n:032x}" for n in range(4)]
    speaking = dataclasses.replace(
        SALES, name="sales-nord", join_announcement=keys[0], agent_announcement=keys[1],
        periodic_announcements=tuple(keys[2:]), periodic_interval=45,
    )  # fmt: skip
    office = dataclasses.replace(OFFICE, queues=(SALES, speaking))
    joins = text_of("announcements.conf", office)
    assert joins.split("\n\n")[1].splitlines() == [
        "[queue-announcement]",
        f"exten => say_sales_nord,1,Playback(/prompts/{keys[0]})",  # Asterisk ignores hyphens in extensions
        " same => n,Return()",
    ]
    quiet, loud = (set(part.splitlines()) for part in text_of("queues.conf", office).split("\n\n")[1:])
    assert {"announce = ", "periodic-announce-frequency = 0"} <= quiet
    assert {
        f"announce = /prompts/{keys[1]}", "periodic-announce-frequency = 45",
        f"periodic-announce = /prompts/{keys[2]},/prompts/{keys[3]}",
    } <= loud  # fmt: skip


@pytest.mark.parametrize("strategy", list(Strategy))
def test_every_strategy_is_one_of_app_queue_s_by_its_own_name(strategy: Strategy) -> None:
    queue = dataclasses.replace(SALES, strategy=strategy)
    assert f"strategy = {strategy.value}" in text_of("queues.conf", dataclasses.replace(OFFICE, queues=(queue,)))


def test_the_order_of_the_rows_does_not_matter() -> None:
    bob = dataclasses.replace(ANN, name="e00000000bb", extension="102", mailbox="")
    support = dataclasses.replace(SALES, name="support")
    one = dataclasses.replace(OFFICE, endpoints=(ANN, bob), queues=(SALES, support))
    other = dataclasses.replace(OFFICE, endpoints=(bob, ANN), queues=(support, SALES))
    assert render(one) == render(other)


def test_a_pause_alone_changes_the_file_and_needs_no_reload() -> None:
    awake = dataclasses.replace(SALES, members=(dataclasses.replace(SALES.members[0], paused=False),))

    def queues(config: Provisioning) -> GeneratedFile:
        return next(file for file in render(config) if file.name == "queues.conf")

    before, after = queues(OFFICE), queues(dataclasses.replace(OFFICE, queues=(awake,)))
    assert before.text != after.text
    assert before.effect == after.effect


def test_a_ban_is_a_line_of_its_own_list_and_reloads_no_phone() -> None:
    banned = dataclasses.replace(OFFICE, banned=("2001:db8::/64", "203.0.113.7/32"))
    before, after = render(OFFICE), render(banned)
    [changed] = [new for old, new in zip(before, after, strict=True) if old != new]
    assert (changed.name, changed.module) == ("banned.conf", "acl")
    assert changed.text.splitlines()[1:] == ["deny = 2001:db8::/64", "deny = 203.0.113.7/32"]


HOSTILE = st.text(max_size=60) | st.sampled_from([
    "general", "global", "e00000000aa\n[x]", "a]b", "a;b", 'a"b', "a,b", "a=>b", "#include /etc/passwd", "${EXTEN}",
    "../x", "\u2028", "\x00", "sip.example.net\r\n", "PJSIP/x&PJSIP/y", "<sip:x>", "default@default", "٣٤٥", " ",
])  # fmt: skip
FIELDS = [
    (thing, field.name)
    for thing in (ANN, SALES, SALES.members[0], CARRIER, DID)
    for field in dataclasses.fields(thing)
    if isinstance(getattr(thing, field.name), str) and field.name not in ("kind", "strategy", "announce_holdtime")
]


def shape(config: Provisioning) -> list[str]:
    """The files without their values: what a value must never change."""
    text = "\n".join(file.text for file in render(config))
    return [re.sub(r"(=>?) .*", r"\1", line) for line in re.sub(r"\[[\w-]+\]", "[]", text).splitlines()]


@pytest.mark.parametrize(("thing", "field"), FIELDS, ids=lambda value: value if isinstance(value, str) else "")
@given(value=HOSTILE)
@example(value="x\n[global]\ntype = global")
def test_no_text_adds_a_line_a_section_or_an_option(thing: Any, field: str, value: str) -> None:
    config, refused = _with_value(thing, field, value)
    if config is None:  # the message names the field, not what was in it, which may be a number or a secret
        assert refused
        _, words = _with_value(thing, field, "\n")  # hypothesis tries words of our own, too
        assert len(value) < 9 or value not in refused or value in words
        return
    options = sum(1 for line in shape(config) if "=" in line)
    assert abs(options - sum(1 for line in shape(OFFICE) if "=" in line)) <= 5  # an empty field leaves its lines out
    assert set(shape(config)) <= set(shape(OFFICE)) | set(shape(_bare()))
    for line in "\n".join(file.text for file in render(config)).splitlines():
        assert not re.search(r"[\x00-\x1f\u2028\\`]", line)
        assert "${" not in line or line.startswith("password = ")  # pjsip.conf substitutes nothing
        assert not re.search(r";(?!transport=tls)", line) or line.startswith("; Written")


def _with_value(thing: Any, field: str, value: str) -> tuple[Provisioning | None, str]:
    """The office with this text in this field, or why it is refused."""
    try:
        changed = dataclasses.replace(thing, **{field: value})
        return Provisioning(**{**_parts(OFFICE), **_with(thing, changed)}), ""
    except ProvisioningError as error:
        return None, str(error)


def _parts(config: Provisioning) -> dict[str, Any]:
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def _with(thing: Any, changed: Any) -> dict[str, Any]:
    if isinstance(changed, MemberConfig):
        return {"queues": (dataclasses.replace(SALES, members=(changed,)),)}
    names = {EndpointConfig: "endpoints", QueueConfig: "queues", TrunkConfig: "trunks", DidConfig: "dids"}
    return {names[type(thing)]: (changed,)}


def _bare() -> Provisioning:
    """The same office with every optional field empty."""
    return dataclasses.replace(
        OFFICE,
        endpoints=(dataclasses.replace(ANN, mailbox=""),),
        trunks=(TrunkConfig(name="trunk-carrier", addresses=("192.0.2.0/28",), server="sip.example.net"),),
    )


@pytest.mark.parametrize(
    ("make", "about"),
    [
        (lambda: Provisioning(endpoints=(ANN, ANN)), "name twice"),
        (lambda: Provisioning(endpoints=(ANN, dataclasses.replace(ANN, name="e00000000ab"))), "extension twice"),
        (lambda: QueueConfig(name="sales", members=SALES.members * 2), "member twice"),
        (lambda: Provisioning(trunks=(CARRIER, dataclasses.replace(CARRIER, name="trunk-2"))), "address twice"),
        (lambda: TrunkConfig(name="trunk-x"), "nothing could tell its calls"),
        (lambda: TrunkConfig(name="trunk-x", addresses=("0.0.0.0/0",)), "trust the world"),
        (lambda: Provisioning(banned=("sip.example.net",)), "banned source: not an IP address"),
        (lambda: TrunkConfig(name="trunk-x", addresses=("sip.example.net",)), "not an IP address"),
        (lambda: TrunkConfig(name="trunk-x", addresses=("192.0.2.1",), register=True), "registering takes"),
        (lambda: QueueConfig(name="general"), "not a queue name"),
        (lambda: dataclasses.replace(SALES, ring_timeout=0), "ring_timeout"),
        (lambda: dataclasses.replace(SALES, penalty_changes=((30, 5000),)), "highest penalty"),
        (lambda: dataclasses.replace(SALES, agent_announcement="beep"), "announcement: not a prompt"),
        (lambda: dataclasses.replace(SALES, periodic_announcements=("../x",)), "announcement: not a prompt"),
    ],
)
def test_what_asterisk_would_misread_is_refused(make: Any, about: str) -> None:
    with pytest.raises(ProvisioningError, match=about):
        make()


class Asked:
    """A reloader that remembers, and fails while ``broken``."""

    def __init__(self) -> None:
        self.modules: list[str] = []
        self.broken = False

    async def reload(self, module: str) -> None:
        if self.broken:
            raise ConnectionError("Asterisk is away")
        self.modules.append(module)


async def test_only_what_changed_is_reloaded_and_a_failed_reload_is_made_up_for(tmp_path: Path) -> None:
    asterisk = Asked()
    provisioner = Provisioner(tmp_path, asterisk)
    everything = ["res_pjsip.so", "acl", "app_agent_pool.so", "app_queue.so", "app_confbridge.so", "pbx_config.so"]
    assert await provisioner.apply(OFFICE) == everything
    assert await provisioner.apply(OFFICE) == []
    longer = dataclasses.replace(OFFICE, queues=(dataclasses.replace(SALES, maxlen=5),))
    asterisk.broken = True
    with pytest.raises(ConnectionError):
        await provisioner.apply(longer)
    assert "maxlen = 5" in (tmp_path / "queues.conf").read_text()
    asterisk.broken = False
    assert await provisioner.apply(longer) == ["app_queue.so"]
    provisioner.forget()
    assert await provisioner.apply(longer) == everything
    assert asterisk.modules == [*everything, "app_queue.so", *everything]


async def test_the_files_are_for_their_owner_only_and_nothing_else_lies_about(tmp_path: Path) -> None:
    await Provisioner(tmp_path / "generated", Asked()).apply(OFFICE)
    found = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "generated").iterdir()}
    names = {file.name for file in render(OFFICE)}
    assert {"queues.conf", "queuerules.conf", "announcements.conf", "confbridge.conf", "conferences.conf"} <= names
    assert found == dict.fromkeys(names, 0o600)


@pytest.mark.parametrize(
    ("transport", "template", "suffix"),
    [(TrunkTransport.UDP, "_trunk", ""), (TrunkTransport.TCP, "_trunk_tcp", ";transport=tcp"),
     (TrunkTransport.TLS, "_trunk_tls", ";transport=tls")],
)  # fmt: skip
def test_a_carrier_is_reached_by_its_transport_and_hears_the_number_beside_the_account(
    transport: TrunkTransport, template: str, suffix: str
) -> None:
    trunk = dataclasses.replace(CARRIER, transport=transport)
    lines = text_of("pjsip.conf", Provisioning(trunks=(trunk,))).splitlines()
    assert f"[trunk-carrier]({template})" in lines
    assert f"contact = sip:sip.example.net:5061{suffix}" in lines
    assert f"server_uri = sip:sip.example.net:5061{suffix}" in lines
    assert (f"transport = transport-{transport}" in lines) is (transport is not TrunkTransport.UDP)
    assert "send_pai = yes" in lines
    bare = dataclasses.replace(trunk, username="", password="", register=False)
    assert "send_pai = yes" not in text_of("pjsip.conf", Provisioning(trunks=(bare,)))
