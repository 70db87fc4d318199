"""Requests about playbacks and recordings that are running."""

from __future__ import annotations

from typing import Literal

from m3voip.providers.asterisk.ari import safe
from m3voip.providers.asterisk.ari.model import LiveRecording, Playback
from m3voip.providers.asterisk.ari.request import Request, Route, reader
from m3voip.providers.asterisk.ari.safe import file_name, ident

Operation = Literal["restart", "pause", "unpause", "reverse", "forward"]

_playback, _recording = reader(Playback), reader(LiveRecording)
_GET = Route("GET", "playbacks/{id}")
_STOP = Route("DELETE", "playbacks/{id}")
_CONTROL = Route("POST", "playbacks/{id}/control")
_REC_GET = Route("GET", "recordings/live/{name}")
_REC_DISCARD = Route("DELETE", "recordings/live/{name}")
_REC_STOP = Route("POST", "recordings/live/{name}/stop")
_REC_PAUSE = Route("POST", "recordings/live/{name}/pause")
_REC_UNPAUSE = Route("DELETE", "recordings/live/{name}/pause")
_REC_MUTE = Route("POST", "recordings/live/{name}/mute")
_REC_UNMUTE = Route("DELETE", "recordings/live/{name}/mute")


def get_playback(playback_id: str) -> Request[Playback]:
    """One playback; 404 once it has ended."""
    return Request(_GET, f"playbacks/{ident(playback_id)}", b"", _playback)


def stop_playback(playback_id: str) -> Request[None]:
    """Stop; 404 when it ended by itself."""
    return Request(_STOP, f"playbacks/{ident(playback_id)}")


def control_playback(playback_id: str, operation: Operation) -> Request[None]:
    """Pause, go on, skip."""
    return Request(_CONTROL, f"playbacks/{ident(playback_id)}/control?operation={safe.token(operation)}")


def get_recording(name: str) -> Request[LiveRecording]:
    """One running recording."""
    return Request(_REC_GET, f"recordings/live/{file_name(name)}", b"", _recording)


def discard_recording(name: str) -> Request[None]:
    """Stop and delete."""
    return Request(_REC_DISCARD, f"recordings/live/{file_name(name)}")


def stop_recording(name: str) -> Request[None]:
    """Stop and keep."""
    return Request(_REC_STOP, f"recordings/live/{file_name(name)}/stop")


def pause_recording(name: str) -> Request[None]:
    """Pause; the gap is cut out."""
    return Request(_REC_PAUSE, f"recordings/live/{file_name(name)}/pause")


def unpause_recording(name: str) -> Request[None]:
    """End `pause_recording`."""
    return Request(_REC_UNPAUSE, f"recordings/live/{file_name(name)}/pause")


def mute_recording(name: str) -> Request[None]:
    """Write silence; the timeline is kept."""
    return Request(_REC_MUTE, f"recordings/live/{file_name(name)}/mute")


def unmute_recording(name: str) -> Request[None]:
    """End `mute_recording`."""
    return Request(_REC_UNMUTE, f"recordings/live/{file_name(name)}/mute")
