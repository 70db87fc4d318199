"""The stack as a library: what every test that needs real parts builds on."""

import asyncio
import pwd
import signal
from pathlib import Path

import asyncpg
import psutil
import pytest

from m3voip.stack import paths, postgres
from m3voip.stack.errors import StackError
from m3voip.stack.processes import ManagedProcess, State
from m3voip.stack.stack import Stack, fresh_name

pytestmark = [pytest.mark.stack, pytest.mark.asterisk, pytest.mark.postgres]


async def _another_life(process: ManagedProcess, former: int) -> None:
    async with asyncio.timeout(20):
        while process.pid in (None, former) or process.state is not State.READY:
            await asyncio.sleep(0.02)


async def test_asterisk_runs_the_checkouts_configuration(stack: Stack) -> None:
    assert "Asterisk 22." in await stack.cli("core show version")
    transports = await stack.cli("pjsip show transports")
    assert f"{stack.settings.sip_address}:{stack.settings.sip_udp_port}" in transports
    assert f"{stack.settings.sip_address}:{stack.settings.sip_tls_port}" in transports


async def test_asterisk_has_no_capability_and_cannot_write_outside_its_folders(stack: Stack) -> None:
    proc = Path(f"/proc/{stack.processes['asterisk'].pid}")
    assert "CapEff:\t0000000000000000" in (proc / "status").read_text()
    mounts = [line.split() for line in (proc / "mounts").read_text().splitlines()]
    writable = {
        place for device, place, kind, options, *_ in mounts if "rw" in options.split(",") and "/proc" not in place
    }
    expected = {"/var/lib/asterisk", "/var/spool/asterisk", "/var/log/asterisk", "/run/asterisk", "/tmp", "/run"}
    assert {place for place in writable if not place.startswith("/dev")} == expected


async def test_asterisk_that_was_killed_is_started_again(stack: Stack) -> None:
    asterisk = stack.processes["asterisk"]
    former = asterisk.pid
    assert former is not None
    asterisk.send(signal.SIGKILL)
    await _another_life(asterisk, former)
    assert asterisk.restarts == 1
    assert "SIGKILL" in asterisk.last_exit
    assert "fully booted" in await stack.cli("core waitfullybooted")


async def test_postgres_that_was_killed_comes_back_with_what_it_had_promised(stack: Stack) -> None:
    assert stack.settings.owner_dsn is not None
    dsn = stack.settings.owner_dsn.get_secret_value()
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE promise AS SELECT 42 AS kept")
    server = stack.processes["postgres"]
    former = server.pid
    assert former is not None
    server.send(signal.SIGKILL)
    await _another_life(server, former)
    connection.terminate()
    connection = await asyncpg.connect(dsn)
    assert await connection.fetchval("SELECT kept FROM promise") == 42
    await connection.close()


async def test_postgres_runs_as_nobody_important_and_hears_loopback_only(stack: Stack) -> None:
    pid = stack.processes["postgres"].pid
    assert pid is not None
    server = psutil.Process(pid)
    assert pwd.getpwnam(server.username()).pw_uid != 0
    listening = [c.laddr.ip for c in server.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert listening == ["127.0.0.1"]
    assert postgres.data_folder(stack.folders).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("role", ["m3voip_owner", "m3voip_engine", "m3voip_api", "postgres"])
async def test_nobody_enters_postgres_by_network_without_a_password(stack: Stack, role: str) -> None:
    with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
        await asyncpg.connect(
            host="127.0.0.1", port=stack.ports.postgres, user=role, password="a-wrong-one", database="m3voip"
        )


async def test_the_roles_can_log_in_and_are_nothing_special(stack: Stack) -> None:
    for dsn in (stack.settings.engine_dsn, stack.settings.api_dsn):
        connection = await asyncpg.connect(dsn.get_secret_value())
        special = await connection.fetchrow(
            "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert special is not None
        assert not any(special)
        await connection.close()


async def test_a_failing_statement_leaves_no_data_in_the_log(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.settings.engine_dsn.get_secret_value())
    with pytest.raises(asyncpg.PostgresError):
        await connection.execute("INSERT INTO no_such_table VALUES ('+15557654321')")
    await connection.close()
    assert "5557654321" not in (stack.folders.log / "postgres.log").read_text()


async def test_a_second_supervisor_of_the_same_instance_is_refused(stack: Stack) -> None:
    with pytest.raises(StackError, match="already running"):
        async with Stack(instance=stack.folders.instance, parts={"postgres"}):
            pass


async def test_two_instances_run_side_by_side(stack: Stack) -> None:
    async with Stack(instance=fresh_name(), parts={"asterisk"}, ephemeral=True) as other:
        assert other.ports.sip_udp != stack.ports.sip_udp
        assert "Asterisk" in await other.cli("core show version")


async def test_a_temporary_instance_leaves_neither_folder_nor_process() -> None:
    async with Stack(instance=fresh_name(), parts={"postgres", "asterisk"}, ephemeral=True) as stack:
        folders = stack.folders
        pids = [process.pid for process in stack.processes.values()]
        assert folders.base.exists()
    assert not folders.base.exists()
    assert not [pid for pid in pids if pid and psutil.pid_exists(pid)]


async def test_a_start_that_cannot_succeed_says_why_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = paths.locate(fresh_name())
    monkeypatch.setattr(postgres, "_HBA", "this is not a rule\n")
    with pytest.raises(StackError, match=r"(?s)postgres does not start.*pg_hba") as failure:
        async with Stack(instance=folders.instance, parts={"postgres"}, ephemeral=True):
            pass
    assert "password" not in str(failure.value)
    assert not folders.base.exists()
