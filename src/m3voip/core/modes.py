"""To whom a supervisor speaks. All modes hear everything that the agent says and hears."""

from __future__ import annotations

from enum import StrEnum


class Mode(StrEnum):
    """What a supervision does."""

    LISTEN = "listen"  # speaks to nobody
    WHISPER = "whisper"  # to the agent alone
    BARGE = "barge"  # to everybody
