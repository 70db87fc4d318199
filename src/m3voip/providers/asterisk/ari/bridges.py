"""Requests about bridges. Creating with a living id answers with that bridge, so it can be repeated."""

from __future__ import annotations

from collections.abc import Sequence

from m3voip.providers.asterisk.ari import safe
from m3voip.providers.asterisk.ari.channels import IfExists
from m3voip.providers.asterisk.ari.model import Bridge
from m3voip.providers.asterisk.ari.request import Request, Route, reader
from m3voip.providers.asterisk.ari.safe import ident

_bridge, _bridges = reader(Bridge), reader(tuple[Bridge, ...])
_LIST = Route("GET", "bridges")
_GET = Route("GET", "bridges/{id}")
_CREATE = Route("POST", "bridges/{id}")
_DESTROY = Route("DELETE", "bridges/{id}")
_ADD = Route("POST", "bridges/{id}/addChannel")
_REMOVE = Route("POST", "bridges/{id}/removeChannel")
_MOH = Route("POST", "bridges/{id}/moh")
_STOP_MOH = Route("DELETE", "bridges/{id}/moh")
_PLAY = Route("POST", "bridges/{id}/play/{playback}")
_RECORD = Route("POST", "bridges/{id}/record")


def list_all() -> Request[tuple[Bridge, ...]]:
    """Every bridge."""
    return Request(_LIST, "bridges", b"", _bridges)


def get(bridge_id: str) -> Request[Bridge]:
    """One bridge; 404 when it is gone."""
    return Request(_GET, f"bridges/{ident(bridge_id)}", b"", _bridge)


def create(bridge_id: str, *, kinds: Sequence[str] = ("mixing",), name: str = "") -> Request[Bridge]:
    """A bridge: `mixing` or `holding`, with `dtmf_events` and `proxy_media` as additions."""
    query = "type=" + ",".join(safe.token(kind) for kind in kinds) + (f"&name={ident(name)}" if name else "")
    return Request(_CREATE, f"bridges/{ident(bridge_id)}?{query}", b"", _bridge)


def destroy(bridge_id: str) -> Request[None]:
    """Destroy; the channels in it stay in the application."""
    return Request(_DESTROY, f"bridges/{ident(bridge_id)}")


def add_channels(bridge_id: str, channel_ids: Sequence[str], *, role: str = "", mute: bool = False) -> Request[None]:
    """Put channels in; `role` is `participant` or `announcer` of a holding bridge."""
    query = "channel=" + ",".join(ident(channel_id) for channel_id in channel_ids)
    query += (f"&role={safe.token(role)}" if role else "") + ("&mute=true" if mute else "")
    return Request(_ADD, f"bridges/{ident(bridge_id)}/addChannel?{query}")


def remove_channels(bridge_id: str, channel_ids: Sequence[str]) -> Request[None]:
    """Take channels out; they stay in the application."""
    query = "channel=" + ",".join(ident(channel_id) for channel_id in channel_ids)
    return Request(_REMOVE, f"bridges/{ident(bridge_id)}/removeChannel?{query}")


def start_moh(bridge_id: str, music_class: str = "") -> Request[None]:
    """Music for everybody in the bridge."""
    query = f"?mohClass={safe.token(music_class)}" if music_class else ""
    return Request(_MOH, f"bridges/{ident(bridge_id)}/moh{query}")


def stop_moh(bridge_id: str) -> Request[None]:
    """End `start_moh`."""
    return Request(_STOP_MOH, f"bridges/{ident(bridge_id)}/moh")


def play(bridge_id: str, media: Sequence[str], *, playback_id: str) -> Request[None]:
    """Play to everybody; as for channels, a repeat plays again."""
    return Request(_PLAY, f"bridges/{ident(bridge_id)}/play/{ident(playback_id)}?media={safe.media(media)}")


def record(
    bridge_id: str, *, name: str, audio_format: str = "wav", if_exists: IfExists = "fail", max_seconds: int = 0
) -> Request[None]:
    """Record the mix."""
    query = (
        f"name={safe.file_name(name)}&format={safe.token(audio_format)}&ifExists={safe.token(if_exists)}"
        f"&maxDurationSeconds={int(max_seconds)}"
    )
    return Request(_RECORD, f"bridges/{ident(bridge_id)}/record?{query}")
