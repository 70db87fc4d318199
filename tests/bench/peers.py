"""The other ARI libraries, in an environment of their own in the cache: they never touch the project's lock.

Law: peers.lock pins every package by version and hash (made from peers.in by `uv pip compile --generate-hashes`); the
environment's name is the lock's hash, so a changed lock makes a new one.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

LOCK = Path(__file__).parent / "peers.lock"


def peers_python(cache: Path) -> Path:
    """The interpreter that can import them; makes the environment at the first use (about 20 s)."""
    folder = cache / f"bench-peers-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if not python.exists():
        _make(folder)
    return python


def _make(folder: Path) -> None:
    # Made under its final name beside a marker-less sibling would break its scripts; only `python` is used, so a rename
    # is harmless, and an interrupted run leaves nothing half done.
    making = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".bench-peers."))
    base = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", str(making)], check=True)
    subprocess.run(
        [str(making / "bin" / "python"), "-m", "pip", "install", "-qq", "--require-hashes", "--no-deps", "-r", str(LOCK)],
        check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
    )  # fmt: skip
    making.rename(folder)
