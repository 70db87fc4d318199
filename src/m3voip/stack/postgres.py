"""The instance's own Postgres: found, initialised from a template, started, and given its roles and database.

Law: it listens on loopback and on a socket in the instance's folder; the superuser can come in only by that socket and
only as the operating system user that runs it (or root), so it needs no password; Postgres never runs as root.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from importlib.resources import files as package_files
from pathlib import Path

from m3voip.stack import strays
from m3voip.stack.errors import StackError
from m3voip.stack.paths import Folders
from m3voip.stack.ports import Ports
from m3voip.stack.processes import Spec

SUPERUSER = "postgres"
_INITDB = (
    "--encoding=UTF8", "--locale=C.UTF-8", "--data-checksums", f"--username={SUPERUSER}", "--no-sync",
    "--auth-local=peer", "--auth-host=scram-sha-256",
)  # fmt: skip
_HBA = f"""\
local all {SUPERUSER} peer map=owner
local all all scram-sha-256
host all {SUPERUSER} all reject
host all all 127.0.0.1/32 scram-sha-256
"""


def data_folder(folders: Folders) -> Path:
    """Postgres' data directory."""
    return folders.postgres / "data"


def socket_folder(folders: Folders) -> Path:
    """Where Postgres' unix socket is; reachable only for its own user and root."""
    return folders.postgres / "socket"


def prepare(folders: Folders, *, durable: bool = True) -> None:
    """Make the data directory if there is none yet. `durable=False` skips the wait for the disk (tests).
    Raises StackError if there are no binaries or the data belongs to another major version."""
    owner = _owner()
    data = data_folder(folders)
    binaries = find_binaries(data)
    for folder in (folders.postgres, socket_folder(folders)):
        folder.mkdir(mode=0o700, exist_ok=True)
        _give(folder, owner)
    if not data.exists():
        template = _template(folders.cache, binaries, owner)
        making = Path(tempfile.mkdtemp(dir=folders.postgres, prefix=".data."))
        subprocess.run(["cp", "-a", "--reflink=auto", f"{template}/.", str(making)], check=True)
        if durable:
            _run(owner, [str(binaries / "initdb"), "--sync-only", "-D", str(making)])
        making.rename(data)
    _write_configuration(data, owner)


def spec(folders: Folders, ports: Ports, *, die_with_parent: bool, durable: bool = True) -> Spec:
    """The process as the supervisor starts it."""
    data, owner = data_folder(folders), _owner()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": str(ports.postgres),
        "unix_socket_directories": str(socket_folder(folders)),
        "unix_socket_permissions": "0700",
        **({} if durable else {"fsync": "off", "full_page_writes": "off"}),
    }

    async def ready(pid: int) -> bool:
        # The last line of postmaster.pid; the first tells whether it is this life's file.
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    return Spec(
        name="postgres",
        program=(
            str(find_binaries(data) / "postgres"), "-D", str(data),
            *[word for name, value in options.items() for word in ("-c", f"{name}={value}")],
        ),
        wrapper=tuple(_as_user(owner, die_with_parent=die_with_parent)),
        environ={"PATH": os.defpath, "TZ": "UTC", "LANG": "C.UTF-8", strays.MARK: strays.mark(folders, "postgres")},
        log=folders.log / "postgres.log",
        ready=ready,
        stop_signal=signal.SIGINT,  # "fast": ends sessions, writes a checkpoint
        stop_seconds=20.0,
    )  # fmt: skip


def find_binaries(data: Path) -> Path:
    """The folder of initdb and postgres that fits the data, or the newest one. Raises StackError."""
    needed = (data / "PG_VERSION").read_text().strip() if (data / "PG_VERSION").exists() else None
    on_path = shutil.which("initdb")
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version_of, reverse=True)
    for folder in [*([Path(on_path).resolve().parent] if on_path else []), *installed]:
        complete = (folder / "initdb").exists() and (folder / "postgres").exists()
        if complete and needed in (None, _major(folder)):
            return folder
    if needed:
        raise StackError(
            f"{data} was made by Postgres {needed}, whose binaries are not here; install postgresql-{needed}"
        )
    raise StackError("no Postgres binaries found on PATH or in /usr/lib/postgresql; run: make setup")


def _template(cache: Path, binaries: Path, owner: pwd.struct_passwd | None) -> Path:
    """An initialised, empty data directory in the cache: copying it takes a tenth of what initdb does."""
    version = subprocess.run([binaries / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    name = hashlib.sha256("\0".join([version, *_INITDB, str(owner and owner.pw_uid)]).encode()).hexdigest()[:12]
    template = cache / f"postgres-template-{name}"
    cache.mkdir(mode=0o755, parents=True, exist_ok=True)
    with template.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not template.exists():
            making = Path(tempfile.mkdtemp(dir=cache, prefix=".postgres-template."))
            _give(making, owner)
            _run(owner, [str(binaries / "initdb"), *_INITDB, "-D", str(making)])
            making.rename(template)
    return template


def _write_configuration(data: Path, owner: pwd.struct_passwd | None) -> None:
    people = {pwd.getpwuid(os.geteuid()).pw_name, owner.pw_name if owner else "root"}
    texts = {
        "postgresql.conf": package_files(__package__).joinpath("postgresql.conf").read_text(),
        "pg_hba.conf": _HBA,
        "pg_ident.conf": "".join(f"owner {name} {SUPERUSER}\n" for name in sorted(people)),
    }
    for name, text in texts.items():
        (data / name).write_text(text)
        (data / name).chmod(0o600)
        _give(data / name, owner)


def _owner() -> pwd.struct_passwd | None:
    """The user that Postgres runs as: ourselves (None), or for root `postgres`, or a system user made for it."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "m3voip-postgres"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    subprocess.run(
        ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "m3voip-postgres"],
        check=True,
    )
    return pwd.getpwnam("m3voip-postgres")


def _as_user(owner: pwd.struct_passwd | None, *, die_with_parent: bool = False) -> list[str]:
    change = ["--reuid", owner.pw_name, "--regid", str(owner.pw_gid), "--init-groups"] if owner else []
    # SIGQUIT is Postgres' immediate shutdown; its children notice a postmaster that vanished by themselves.
    death = ["--pdeathsig", "QUIT"] if die_with_parent else []
    return ["setpriv", *change, *death, "--"] if change or death else []


def _run(owner: pwd.struct_passwd | None, argv: list[str]) -> None:
    done = subprocess.run([*_as_user(owner), *argv], capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise StackError(f"{argv[0]} failed: {done.stderr.strip() or done.stdout.strip()}")


def _give(path: Path, owner: pwd.struct_passwd | None) -> None:
    if owner:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _major(binaries: Path) -> str:
    text = subprocess.run([binaries / "postgres", "-V"], capture_output=True, text=True, check=True).stdout
    return text.split()[2].split(".")[0]


def _version_of(binaries: Path) -> float:
    try:
        return float(binaries.parent.name)
    except ValueError:
        return 0.0
