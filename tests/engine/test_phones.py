"""What is known of phones, when their secrets end, and what a test of one means."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from m3voip.config import DEFAULT_TENANT, Settings
from m3voip.core import device as dv
from m3voip.core.codecs import ChannelFormats, live, pairs, steps
from m3voip.core.errors import ProviderError
from m3voip.core.hearing import SILENCE_DB, level_db, tone, tone_share
from m3voip.core.office import Agent, Office
from m3voip.core.phone_check import TONE, Measured, NotAnswered, judge
from m3voip.engine.codecs import Codecs
from m3voip.engine.phone_tests import PhoneTests
from m3voip.engine.phones import Phones
from m3voip.engine.routing import CurrentDirectory, Directory
from m3voip.engine.secrets import SecretKeeper
from m3voip.providers.asterisk.phone_call import PhoneCaller
from tests.engine.support import T0
from tests.support.eventually import eventually

pytestmark = pytest.mark.unit

E, F = "e0000000101", "e0000000102"
URI = f"sip:{E}@192.0.2.7:5060;transport=TLS"
OTHER = UUID(int=9)


class Clock:
    """Stands still at T0."""

    def now(self) -> datetime:
        return T0


def agent(endpoint: str, kind: str, ends: datetime | None = None, tenant: UUID = DEFAULT_TENANT) -> Agent:
    return Agent(
        id=UUID(int=1), tenant_id=tenant, extension=endpoint[-3:], display_name="x", endpoint=endpoint, phone_kind=kind,
        ha1="0" * 32, box="", ha1_expires_at=ends,
    )  # fmt: skip


async def known_phones() -> Phones:
    directory = CurrentDirectory()
    directory.now = Directory(
        dids={},
        trees={},
        blocked={},
        queues={},
        boxes={},
        endpoints={(DEFAULT_TENANT, "101"): E, (DEFAULT_TENANT, "102"): F},
    )
    phones = Phones(names=directory, clock=Clock())
    await phones.update(Office(agents=(agent(E, "desk_tls"), agent(F, "desk_udp"))))
    phones.take(dv.PhonesCleared())
    return phones


def seen(endpoint: str = E, uri: str = URI, after: float = 0, **more: object) -> dv.ContactSeen:
    return dv.ContactSeen(endpoint=endpoint, uri=uri, at=T0 + timedelta(seconds=after), **more)  # type: ignore[arg-type]


def registered() -> float:
    return REGISTRY.get_sample_value("m3voip_phones_registered") or 0.0


async def test_a_phone_is_what_was_last_heard_of_it_and_a_reading_replaces_everything() -> None:
    phones = await known_phones()
    phones.take(seen(user_agent="Desk\x07 5"))
    phones.take(seen(after=1, reachable=True, round_trip_ms=2.5))
    now = phones.phone(DEFAULT_TENANT, "101")
    assert now is not None
    assert (now.registered, now.reachable, now.user_agent, now.round_trip_ms) == (True, True, "Desk 5", 2.5)
    assert (now.address, now.transport, now.last_seen_at) == ("192.0.2.7", "tls", T0)
    phones.take(seen(after=2, reachable=False))
    lost = phones.phone(DEFAULT_TENANT, "101")
    assert lost is not None
    assert (lost.registered, lost.reachable, lost.last_seen_at) == (True, False, T0 + timedelta(seconds=2))
    phones.take(dv.PhonesCleared())
    gone = phones.phone(DEFAULT_TENANT, "101")
    assert gone is not None
    assert not gone.registered
    phones.lost()
    assert phones.phone(DEFAULT_TENANT, "101") is None
    assert phones.phone(OTHER, "101") is None


async def test_a_phone_that_moved_is_where_it_registered_last_and_the_end_of_the_old_one_changes_nothing() -> None:
    phones = await known_phones()
    phones.take(seen(reachable=True))
    phones.take(seen(uri=f"sip:{E}@[2001:db8::7]:5062", after=1))
    phones.take(dv.ContactGone(endpoint=E, uri=URI, at=T0 + timedelta(seconds=1)))
    now = phones.phone(DEFAULT_TENANT, "101")
    assert now is not None
    assert (now.registered, now.address, now.transport) == (True, "2001:db8::7", "udp")
    assert registered() == 1
    phones.take(dv.ContactGone(endpoint=E, uri=f"sip:{E}@[2001:db8::7]:5062", at=T0 + timedelta(seconds=2)))
    assert registered() == 0


async def test_refusals_are_counted_for_known_phones_and_say_what_to_do() -> None:
    phones = await known_phones()
    for endpoint in (E, E, "e0000000999", ""):
        phones.take(dv.LoginRefused(endpoint=endpoint, at=T0))
    phones.take(dv.AudioRefused(endpoint=E, at=T0))
    phones.take(dv.AudioRefused(endpoint=F, at=T0))
    phones.take(dv.AudioRefused(endpoint="e0000000999", at=T0))
    desk, plain = phones.phone(DEFAULT_TENANT, "101"), phones.phone(DEFAULT_TENANT, "102")
    assert desk is not None
    assert plain is not None
    assert (desk.refused_logins, desk.refused_login_at, plain.refused_logins) == (2, T0, 0)
    assert desk.refusal is not None
    assert plain.refusal is not None
    assert (desk.refusal.why, plain.refusal.why) == ("no_srtp", "srtp_not_allowed")
    await phones.update(Office(agents=(agent(F, "desk_udp"),)))
    forgotten = phones.phone(DEFAULT_TENANT, "101")
    assert forgotten is not None
    assert forgotten.refused_logins == 0


def test_kinds_say_what_the_templates_of_asterisk_say() -> None:
    text = (Path(__file__).parents[2] / "asterisk" / "etc" / "pjsip.conf").read_text()
    for name, kind in dv.KINDS.items():
        template = re.split(rf"\n\[_{name}\]\(!,_(?:phone|program)\)\n", text)[1].partition("\n[")[0]
        options = dict(line.split(" = ", 1) for line in template.splitlines() if " = " in line and line[0] != ";")
        assert options["allow"].split(",") == list(kind.codecs), name
        assert options.get("transport", "transport-wss") == f"transport-{kind.transport}", name
        encryption = "dtls" if options.get("webrtc") == "yes" else options.get("media_encryption", "none")
        assert encryption == kind.encryption, name
        assert options.get("media_encryption_optimistic", "no") == "no"
    assert f"\nrealm = {dv.REALM}\n" in text
    browser = text.partition("[_browser_aor]")[2].partition("\n[")[0]
    assert f"maximum_expiration = {dv.KINDS['browser'].expiry_s}" in browser


# Secrets that end


async def test_secrets_end_when_their_time_has_come_and_again_where_that_failed() -> None:
    calls: list[datetime] = []

    async def end(now: datetime) -> int:
        calls.append(now)
        if len(calls) == 1:
            raise ProviderError("away", retryable=True)
        return 1

    keeper = SecretKeeper(clock=Clock(), end=end)
    running = asyncio.create_task(keeper.run(), name="tests.secrets")
    await keeper.update(Office(agents=(agent(E, "browser", T0 + timedelta(hours=1)), agent(F, "desk_udp"))))
    await asyncio.sleep(0)
    assert calls == []
    await keeper.update(Office(agents=(agent(E, "browser", T0),)))
    await eventually(lambda: len(calls) == 1, what="the first try")
    await keeper.update(Office(agents=(agent(E, "browser", T0),)))  # a change cuts the pause short
    await eventually(lambda: len(calls) == 2, 3, what="the second try")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert calls == [T0, T0]


# Tests of phones

GOOD = Measured(
    seconds=6, codec="g722", encrypted=True, sent=300, received=299, lost_to=0, lost_from=1, jitter_to_ms=0.3,
    jitter_from_ms=1.0, round_trip_ms=3.0, level_db=-18.0, tone_share=0.95,
)  # fmt: skip


def measured(**changes: object) -> Measured:
    return Measured(**{**{name: getattr(GOOD, name) for name in GOOD.__struct_fields__}, **changes})


@pytest.mark.parametrize(
    ("outcome", "verdict", "says"),
    [
        (GOOD, "ok", "played our tone back"),
        (measured(tone_share=0.0), "ok", "only somebody at the phone can say"),
        (measured(received=0), "failed", "firewall or NAT"),
        (measured(sent=0), "failed", "sent nothing"),
        (measured(level_db=-80.0), "warning", "muted"),
        (measured(received=100), "warning", "less than half"),
        (measured(lost_from=6), "warning", "2.0% lost"),
        (measured(lost_to=30), "failed", "10.0% lost"),
        (measured(jitter_from_ms=50.0), "warning", "Jitter of 50 ms"),
        (measured(round_trip_ms=500.0), "warning", "round trip of 500 ms"),
        (NotAnswered(nowhere=True), "failed", "not registered"),
        (NotAnswered(sip_status=488), "failed", "desk_tls requires"),
        (NotAnswered(sip_status=486), "failed", "busy (486)"),
        (NotAnswered(), "failed", "nobody answered"),
        (NotAnswered(sip_status=500), "failed", "(500)"),
    ],
)
def test_what_was_measured_is_judged(outcome: Measured | NotAnswered, verdict: str, says: str) -> None:
    level, findings = judge(outcome, "desk_tls")
    assert level == verdict
    assert any(says in finding.text for finding in findings), findings


def test_our_tone_is_told_from_others_and_from_silence() -> None:
    ours = tone(TONE, 8000, 1.0)
    assert tone_share(ours, 8000, TONE) > 0.9
    assert -20 < level_db(ours) < -16
    assert tone_share(tone(TONE[:1], 8000, 1.0), 8000, TONE) < 0.1
    assert tone_share(tone((1000.0, 1300.0), 8000, 1.0), 8000, TONE) < 0.1
    assert level_db(tone(TONE, 8000, 0.0)) == SILENCE_DB


class Caller:
    """A phone that answers when it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.offered: list[Sequence[str]] = []
        self.fails = False

    def tidy(self) -> None:
        self.tidied = True

    async def call(
        self, test_id: UUID, endpoint: str, codecs: Sequence[str], seconds: float, answered: Callable[[], None]
    ) -> Measured | NotAnswered:
        self.offered.append(codecs)
        answered()
        await self.let.wait()
        if self.fails:
            raise ProviderError("away", retryable=True)
        return GOOD


async def test_one_test_at_a_time_for_each_agent_and_the_last_one_is_kept() -> None:
    caller, agent_id = Caller(), uuid4()
    tests = PhoneTests(caller=caller, clock=Clock())
    running = asyncio.create_task(tests.run(), name="tests.phone-tests")

    def start() -> bool:
        return tests.start(uuid4(), agent_id, endpoint=E, kind="desk_tls", seconds=2) is not None

    def state() -> str:
        last = tests.last(agent_id)
        return f"{last.state} {last.verdict}" if last else ""

    assert start()
    assert not start()
    await eventually(lambda: state() == "listening None", what="the phone to answer")
    assert caller.tidied
    caller.let.set()
    await eventually(lambda: state() == "ended ok", what="the end")
    assert caller.offered == [dv.KINDS["desk_tls"].codecs]
    caller.fails = True
    assert start()
    await eventually(lambda: state() == "ended failed", what="the end of a test that could not be made")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def test_what_a_phone_said_does_not_outlive_a_process_that_was_killed(tmp_path: Path) -> None:
    (tmp_path / "recording").mkdir()
    left, other = tmp_path / "recording/phone-test-1.wav", tmp_path / "recording/message.wav"
    left.touch()
    other.touch()
    settings = Settings.model_construct(asterisk_spool=tmp_path, prompts_dir=tmp_path)
    PhoneCaller(settings, Source().channel_formats).tidy()
    assert (left.exists(), other.exists()) == (False, True)


# Codecs


def test_ways_between_formats_are_read_as_the_table_names_them() -> None:
    assert steps("(opus@48000)->(slin@8000)->(ulaw@8000)") == ("opus", "slin8", "ulaw")
    assert steps("g722") == ("g722",)
    assert steps("") == ()


def test_pairs_transcode_only_where_the_called_lacks_the_callers_codec() -> None:
    found = {(pair.caller, pair.called): pair for pair in pairs(["desk_tls", "browser", "trunk"], {})}
    assert len(found) == 6
    assert not any(pair.transcodes for pair in found.values())
    assert (found["trunk", "browser"].called_codec, found["browser", "desk_tls"].called_codec) == ("alaw", "opus")


def test_channels_alike_are_counted_together_with_what_they_cost() -> None:
    way = ChannelFormats(device=E, from_it=("opus", "slin8", "ulaw"), to_it=("ulaw", "slin8", "opus"))
    plain = ChannelFormats(device=F, from_it=("ulaw",), to_it=("ulaw",))
    costs = {("opus", "ulaw"): 15000, ("ulaw", "opus"): 14000}
    both = live([("browser", way), ("trunk", plain), ("trunk", plain)], costs)
    assert [(one.party, one.channels, one.transcodes, one.cost) for one in both] == [
        ("trunk", 2, False, 0), ("browser", 1, True, 29000),
    ]  # fmt: skip
    assert live([("browser", way)], {})[0].cost is None


class Source:
    """Two tenants' channels."""

    async def channel_formats(self) -> list[ChannelFormats]:
        return [ChannelFormats(device=device, from_it=("alaw",), to_it=("alaw",)) for device in (E, F, "trunk-x")]

    async def translation_costs(self) -> dict[tuple[str, str], int]:
        return {}


async def test_a_tenant_s_report_is_of_its_own_devices() -> None:
    codecs = Codecs(source=Source(), default_tenant=DEFAULT_TENANT)
    await codecs.update(Office(agents=(agent(E, "desk_tls"), agent(F, "browser", tenant=OTHER))))
    mine, theirs = await codecs.report(DEFAULT_TENANT), await codecs.report(OTHER)
    assert [one.party for one in mine.live] == ["desk_tls"]
    assert [one.party for one in theirs.live] == ["browser"]
