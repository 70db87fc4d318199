"""Where everything is: the checkout, the shared cache, and the folders of one instance.

Law: no other module of the stack spells a path; the environment is read here once (M3VOIP_CACHE, M3VOIP_HOME,
M3VOIP_INSTANCE), because these three say where the settings themselves are.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from m3voip.stack.errors import StackError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}")
_LONGEST_BASE = 80
"""Unix socket paths end at 107 bytes; Postgres' and Asterisk's are up to 27 below the instance folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """One instance's places. `base` is private to it; `cache` is shared by all instances and clones."""

    checkout: Path
    cache: Path
    instance: str
    base: Path
    run_file: Path

    @property
    def postgres(self) -> Path:
        """Belongs to the operating system user that runs Postgres: data/ and socket/."""
        return self.base / "pg"

    @property
    def asterisk(self) -> Path:
        """What Asterisk reads and writes."""
        return self.base / "asterisk"

    @property
    def asterisk_etc(self) -> Path:
        """Rendered at every start; only generated/ and keys/ in it survive."""
        return self.asterisk / "etc"

    @property
    def generated(self) -> Path:
        """Provisioning, written by the service and read by Asterisk."""
        return self.asterisk_etc / "generated"

    @property
    def asterisk_run(self) -> Path:
        """/run/asterisk: the control socket."""
        return self.asterisk / "run"

    @property
    def asterisk_lib(self) -> Path:
        """/var/lib/asterisk: its small database (astdb)."""
        return self.asterisk / "lib"

    @property
    def asterisk_spool(self) -> Path:
        """/var/spool/asterisk: monitor/, message/, playing/, voicemail/, recording/."""
        return self.asterisk / "spool"

    @property
    def asterisk_log(self) -> Path:
        """/var/log/asterisk: queue_log, cel-custom/."""
        return self.asterisk / "log"

    @property
    def asterisk_keys(self) -> Path:
        """The server's certificate and key and the authority's certificate, as Asterisk sees them."""
        return self.asterisk_etc / "keys"

    @property
    def authority(self) -> Path:
        """The private key of the instance's own certificate authority; never bound into Asterisk's root."""
        return self.base / "authority"

    @property
    def asterisk_socket(self) -> Path:
        """What `asterisk -rx` talks to."""
        return self.asterisk_run / "asterisk.ctl"

    @property
    def journal(self) -> Path:
        """Facts on their way into Postgres."""
        return self.base / "service" / "journal"

    @property
    def vault(self) -> Path:
        """Recordings and voicemail."""
        return self.base / "service" / "vault"

    @property
    def prompts(self) -> Path:
        """/prompts of Asterisk, written by the service."""
        return self.base / "service" / "prompts"

    @property
    def log(self) -> Path:
        """One log a part, and the supervisor's."""
        return self.base / "log"

    @property
    def secrets_file(self) -> Path:
        """See secrets.py."""
        return self.base / "secrets.json"

    @property
    def ports_file(self) -> Path:
        """See ports.py."""
        return self.base / "ports.json"

    @property
    def settings_file(self) -> Path:
        """What the service reads (m3voip.config)."""
        return self.base / "settings.env"

    @property
    def state_file(self) -> Path:
        """What the supervisor says about itself and the parts."""
        return self.base / "state.json"

    @property
    def lock_file(self) -> Path:
        """Locked by the living supervisor, which writes its pid into it."""
        return self.base / "supervisor.lock"

    @property
    def trees(self) -> Path:
        """The checkout's IVR trees."""
        return self.checkout / "dialplans" / "ivr"

    @property
    def asterisk_root(self) -> Path:
        """Built by scripts/asterisk-root; scripts/lib.sh computes the same name."""
        recipe = (self.checkout / "docker" / "asterisk.recipe").read_bytes()
        return self.cache / f"asterisk-root-{hashlib.sha256(recipe).hexdigest()[:12]}"

    def make(self) -> None:
        """Create the folders. Only `base` itself may be traversed by others: Postgres runs as another user."""
        self.base.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        self.base.mkdir(mode=0o711, exist_ok=True)
        for folder in (
            self.asterisk, self.asterisk_etc, self.generated, self.asterisk_run, self.asterisk_lib, self.asterisk_keys,
            self.asterisk_log, self.asterisk_log / "cel-custom", self.asterisk_spool, self.asterisk_spool / "monitor",
            self.asterisk_spool / "voicemail", self.asterisk_spool / "recording", self.asterisk_spool / "message",
            self.asterisk_spool / "playing",
            self.authority, self.vault.parent, self.journal, self.vault, self.prompts, self.log,
        ):  # fmt: skip
            folder.mkdir(mode=0o700, exist_ok=True)


def locate(instance: str | None = None, environ: Mapping[str, str] = os.environ) -> Folders:
    """The folders of the named instance, or of $M3VOIP_INSTANCE, or of this checkout's own. Raises StackError."""
    checkout = Path(__file__).resolve().parents[3]
    root = os.geteuid() == 0
    cache = environ.get("M3VOIP_CACHE") or ("/var/cache/m3voip" if root else "~/.cache/m3voip")
    home = environ.get("M3VOIP_HOME") or ("/var/lib/m3voip" if root else "~/.local/share/m3voip")
    own = f"main-{hashlib.sha1(bytes(checkout), usedforsecurity=False).hexdigest()[:8]}"
    name = instance or environ.get("M3VOIP_INSTANCE") or own
    if not _NAME.fullmatch(name):
        raise StackError(f"instance name {name!r} must match {_NAME.pattern}")
    base = Path(home).expanduser().absolute() / name
    if len(bytes(base)) > _LONGEST_BASE:
        raise StackError(f"{base} is too long for unix sockets below it; set M3VOIP_HOME to a shorter path")
    return Folders(
        checkout=checkout,
        cache=Path(cache).expanduser().absolute(),
        instance=name,
        base=base,
        run_file=checkout / ".m3voip" / "run.json" if name == own else base / "run.json",
    )
