"""The doctor on a real Asterisk and Postgres, and each judgement on values that a healthy machine does not show."""

from pathlib import Path

import pytest

from m3voip.stack.doctor import disk, exposure, media, modules, permissions, version
from m3voip.stack.doctor.examine import examine
from m3voip.stack.doctor.finding import Finding, Level
from m3voip.stack.doctor.registry import CHECKS
from m3voip.stack.secrets import AgentSecret
from m3voip.stack.stack import Stack
from tests.support.eventually import eventually
from tests.support.fixtures import PHONES


@pytest.mark.stack
@pytest.mark.asterisk
@pytest.mark.postgres
async def test_nothing_fails_on_a_healthy_stack_but_the_call_that_needs_the_service(stack: Stack) -> None:
    found = await examine(stack.settings, stack.folders)
    assert list(found) == list(CHECKS)
    failures = {check: _failures(findings) for check, findings in found.items() if _failures(findings)}
    assert list(failures) == ["media"]
    assert "no test phone may call" in failures["media"][0]


@pytest.mark.stack
@pytest.mark.asterisk
async def test_the_test_call_hears_its_own_tone(asterisk: Stack) -> None:
    phones = [
        AgentSecret(extension=number, queue="sales", username=f"e{number:0>10}", password=f"secret-{number}")
        for number in PHONES
    ]
    wrong_first = [AgentSecret(extension="9", queue="", username="e0000000009", password="nobody"), *phones]
    finding = await media.call_echo(asterisk.settings.sip_address, asterisk.settings.sip_udp_port, wrong_first)
    assert finding.level is Level.OK, finding
    assert "440 Hz" in finding.what


@pytest.mark.stack
@pytest.mark.asterisk
async def test_a_call_without_sound_is_a_failure_that_says_what_to_look_at(
    asterisk: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "ECHO", "601")  # a test tone of another frequency: we do not hear ourselves
    phone = AgentSecret(extension="101", queue="", username="e0000000101", password="secret-101")
    finding = await media.call_echo(asterisk.settings.sip_address, asterisk.settings.sip_udp_port, [phone])
    assert finding.level is Level.FAIL
    assert "RTP range" in finding.remedy
    await eventually(lambda: _no_channel_is_left(asterisk))


async def _no_channel_is_left(asterisk: Stack) -> bool:
    return "0 active channels" in await asterisk.cli("core show channels")


@pytest.mark.stack
@pytest.mark.asterisk
@pytest.mark.postgres
async def test_a_wrong_secret_is_told_from_an_asterisk_that_is_away(stack: Stack) -> None:
    other = stack.settings.model_copy(update={"ami_secret": stack.settings.ari_password})
    found = await examine(other, stack.folders, {"control": CHECKS["control"]})
    assert _failures(found["control"]) == [f"AMI on 127.0.0.1:{stack.ports.ami} refuses our secret"]
    away = stack.settings.model_copy(update={"ari_port": 9, "ami_port": 9})
    found = await examine(away, stack.folders, {"control": CHECKS["control"]})
    assert all("does not answer" in text for text in _failures(found["control"]))


@pytest.mark.stack
@pytest.mark.postgres
@pytest.mark.asterisk
async def test_a_role_with_too_much_power_and_a_table_open_to_all_tenants_are_found(stack: Stack) -> None:
    from m3voip.stack import roles

    async with roles.superuser(stack.folders, stack.ports, "m3voip") as connection:
        await connection.execute("ALTER ROLE m3voip_api BYPASSRLS")
        await connection.execute("CREATE TABLE leak (tenant_id uuid)")
        try:
            found = await examine(stack.settings, stack.folders, {"database": CHECKS["database"]})
        finally:
            await connection.execute("ALTER ROLE m3voip_api NOBYPASSRLS")
            await connection.execute("DROP TABLE leak")
    assert [text.split(":")[0] for text in _failures(found["database"])] == [
        "role m3voip_api can do more than its work",
        "tables that show a tenant's rows to every tenant",
    ]


@pytest.mark.stack
async def test_a_check_that_cannot_be_made_is_a_failure(stack: Stack) -> None:
    away = stack.settings.model_copy(update={"ari_port": 9})
    found = await examine(away, stack.folders, {"version": CHECKS["version"]})
    assert "could not be checked" in _failures(found["version"])[0]


@pytest.mark.unit
@pytest.mark.parametrize(
    ("told", "advisories"),
    [("22.10.1+dfsg+~cs6.17.60671434-1", 0), ("22.10.2", 0), ("22.9.0", 4), ("22.10.0", 4), ("22.5.1-rc1", 8)],
)
def test_an_old_asterisk_is_refused_with_the_advisories_it_is_open_to(told: str, advisories: int) -> None:
    failures = _failures(version.judge(told))
    assert len([text for text in failures if "GHSA" in text]) == advisories
    assert bool(failures) == bool(advisories)


@pytest.mark.unit
def test_another_branch_is_not_compared_with_our_list() -> None:
    assert [finding.level for finding in version.judge("20.15.0")] == [Level.WARN]


@pytest.mark.unit
def test_a_private_port_that_listens_on_every_address_is_found(tmp_path: Path) -> None:
    header = "  sl  local_address rem_address   st\n"
    (tmp_path / "tcp").write_text(
        header
        + "   0: 0100007F:13AE 00000000:0000 0A 0\n"  # 127.0.0.1:5038 listens
        + "   1: 00000000:1F98 00000000:0000 0A 0\n"  # 0.0.0.0:8088 listens
        + "   2: 0100007F:1F99 00000000:0000 01 0\n"  # a connection
    )
    (tmp_path / "tcp6").write_text(header + "   0: 00000000000000000000000001000000:1F9A 0:0 0A 0\n")  # [::1]:8090
    found = exposure.listeners(tmp_path)
    assert found == {5038: {"127.0.0.1"}, 8088: {"0.0.0.0"}, 8090: {"::1"}}
    assert exposure._judge("AMI", 5038, found[5038]).level is Level.OK
    assert exposure._judge("ARI", 8088, found[8088]).level is Level.FAIL
    assert exposure._judge("ARI", 1, set()).level is Level.WARN


@pytest.mark.unit
def test_a_missing_module_is_a_failure_and_an_additional_one_a_warning() -> None:
    running = {"app_queue.so": "Running", "chan_unistim.so": "Running", "app_dial.so": "Not Running"}
    levels = {f.what: f.level for f in modules.judge({"app_queue.so", "app_dial.so"}, running)}
    assert levels == {
        "not running: app_dial.so": Level.FAIL,
        "running without being on the list: chan_unistim.so": Level.WARN,
    }


@pytest.mark.unit
def test_a_secret_that_others_can_read_is_named_with_the_command_that_closes_it(tmp_path: Path) -> None:
    (tmp_path / "private").touch(mode=0o600)
    (tmp_path / "open").touch(mode=0o644)
    found = permissions.judge([tmp_path / "private", tmp_path / "open", tmp_path / "absent"])
    assert [(f.level, f.remedy) for f in found] == [(Level.FAIL, f"chmod go= {tmp_path / 'open'}")]


@pytest.mark.unit
def test_little_room_warns_before_it_fails() -> None:
    levels = [
        disk.judge("recordings", free).level for free in (disk.WARN_BELOW, disk.WARN_BELOW - 1, disk.FAIL_BELOW - 1)
    ]
    assert levels == [Level.OK, Level.WARN, Level.FAIL]


def _failures(findings: list[Finding]) -> list[str]:
    return [finding.what for finding in findings if finding.level is Level.FAIL]
