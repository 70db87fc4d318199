"""What the supervisor last said about itself and its parts (state.json), for whoever looks from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from m3voip.stack import files
from m3voip.stack.paths import Folders


def read_state(folders: Folders) -> Mapping[str, Any]:
    """The supervisor's last word about the instance; empty if there was never one."""
    state: Mapping[str, Any] = files.read_json(folders.state_file) or {}
    return state
