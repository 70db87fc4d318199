"""The file that lets any outside tool drive the running stack: `.m3voip/run.json` (0600), and the supervisor's own
`state.json`.

Law: both are replaced as a whole at every change; run.json exists only while a supervisor does, so finding it means
that its pids and ports are those of now.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import structlog

from m3voip.stack import certificates, files
from m3voip.stack.processes import ManagedProcess
from m3voip.stack.secrets import DEMO_DIDS
from m3voip.stack.stack import Stack

_log = structlog.get_logger()


def run_json(stack: Stack) -> dict[str, Any]:
    """What run.json holds. A pid is null while that part is between two lives."""
    settings, folders = stack.settings, stack.folders
    pids = {part: process.pid for part, process in stack.processes.items()}
    return {
        "instance": folders.instance,
        "apiUrl": settings.base_url,
        "apiKey": stack.secrets.admin_key,
        "sip": {
            "address": settings.sip_address,
            "udp": settings.sip_udp_port,
            "tcp": settings.sip_tcp_port,
            "tls": settings.sip_tls_port,
            "wss": settings.wss_port,
            "caFile": str(folders.asterisk_keys / certificates.CA_FILE),
        },
        "dids": list(DEMO_DIDS),
        "agents": [
            {"extension": a.extension, "username": a.username, "password": a.password, "queue": a.queue}
            for a in stack.secrets.agents
        ],
        "postgresDsn": settings.owner_dsn.get_secret_value() if settings.owner_dsn else None,
        "ariUrl": f"http://{settings.ari_host}:{settings.ari_port}/ari",
        "asterisk": {
            "controlSocket": str(settings.asterisk_socket),
            "cli": [sys.executable, "-m", "m3voip", "stack", "--instance", folders.instance, "cli"],
        },
        "folders": {
            "logs": str(folders.log),
            "asteriskLogs": str(settings.asterisk_log),
            "recordings": str(settings.vault_dir),
            "spool": str(settings.asterisk_spool),
            "prompts": str(settings.prompts_dir),
        },
        "settingsFile": str(folders.settings_file),
        "pids": {"supervisor": os.getpid(), **dict.fromkeys(("service", "agi", "asterisk", "postgres")), **pids},
    }


class Publisher:
    """Writes both files. `phase` is starting, ready, stopping, stopped or failed (then `error` says why)."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._phase = "starting"
        self._error = ""
        stack.on_change = self.publish

    def enter(self, phase: str, *, error: str = "") -> None:
        """Publish a new phase of the whole stack."""
        self._phase, self._error = phase, error
        self.publish()

    def publish(self) -> None:
        """Publish what is true now; called at every change of a part. A full disk is logged and stops nobody."""
        try:
            self._write()
        except OSError as error:
            _log.error("runfile.failed", error=str(error))

    def _write(self) -> None:
        folders, processes = self._stack.folders, self._stack.processes
        files.write_json(
            folders.state_file,
            {
                "supervisor": os.getpid(),
                "phase": self._phase,
                "error": self._error,
                "parts": {part: _part(process) for part, process in processes.items()},
            },
        )
        if self._phase in ("starting", "ready", "stopping") and processes:
            folders.run_file.parent.mkdir(mode=0o700, exist_ok=True)
            files.write_json(folders.run_file, run_json(self._stack))
        else:
            folders.run_file.unlink(missing_ok=True)


def _part(process: ManagedProcess) -> dict[str, Any]:
    return {
        "state": process.state,
        "pid": process.pid,
        "since": process.since.isoformat(timespec="seconds"),
        "restarts": process.restarts,
        "lastExit": process.last_exit,
    }
