"""Requests about channels. Ids are the caller's own: minted before the request, so that a repeat can be told apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import quote

from m3voip.core.clearance import Clearance
from m3voip.providers.asterisk.ari import safe
from m3voip.providers.asterisk.ari.model import Channel, RtpStatistics, Variable
from m3voip.providers.asterisk.ari.request import Request, Route, reader, variables_body
from m3voip.providers.asterisk.ari.safe import ident

Direction = Literal["both", "in", "out"]
Spy = Literal["none", "both", "out", "in"]
IfExists = Literal["fail", "overwrite", "append"]

_channel, _channels, _variable, _rtp = (
    reader(Channel),
    reader(tuple[Channel, ...]),
    reader(Variable),
    reader(RtpStatistics),
)
_LIST = Route("GET", "channels")
_GET = Route("GET", "channels/{id}")
_CREATE = Route("POST", "channels/create")
_ORIGINATE = Route("POST", "channels")
_HANGUP = Route("DELETE", "channels/{id}")
_DIAL = Route("POST", "channels/{id}/dial")
_CONTINUE = Route("POST", "channels/{id}/continue")
_REDIRECT = Route("POST", "channels/{id}/redirect")
_PLAY = Route("POST", "channels/{id}/play/{playback}")
_RECORD = Route("POST", "channels/{id}/record")
_SNOOP = Route("POST", "channels/{id}/snoop/{snoop}")
_DTMF = Route("POST", "channels/{id}/dtmf")
_SET = Route("POST", "channels/{id}/variables")
_READ = Route("GET", "channels/{id}/variable")
_RTP = Route("GET", "channels/{id}/rtp_statistics")
_TRANSFER = Route("POST", "channels/{id}/transfer_progress")
_SIMPLE = {
    (method, action): Route(method, f"channels/{{id}}/{action}")
    for method, action in (
        ("POST", "answer"), ("POST", "ring"), ("DELETE", "ring"), ("POST", "progress"), ("POST", "hold"),
        ("DELETE", "hold"), ("POST", "moh"), ("DELETE", "moh"), ("POST", "mute"), ("DELETE", "mute"),
    )
}  # fmt: skip


def _simple(method: str, channel_id: str, action: str, query: str = "") -> Request[None]:
    return Request(_SIMPLE[method, action], f"channels/{ident(channel_id)}/{action}{query}")


def list_all() -> Request[tuple[Channel, ...]]:
    """Every channel Asterisk has, ours or not."""
    return Request(_LIST, "channels", b"", _channels)


def get(channel_id: str) -> Request[Channel]:
    """One channel; 404 when it is gone."""
    return Request(_GET, f"channels/{ident(channel_id)}", b"", _channel)


def create(
    endpoint: str,
    *,
    app: str,
    channel_id: str,
    app_args: Sequence[str] = (),
    originator: str = "",
    variables: Mapping[str, str] | None = None,
) -> Request[Channel]:
    """A channel that is not dialled yet, so that it can be put into a bridge first; `dial` follows.
    409 when `channel_id` lives already."""
    query = f"endpoint={safe.endpoint(endpoint)}&app={safe.token(app)}&channelId={ident(channel_id)}"
    if app_args:
        query += f"&appArgs={safe.arguments(app_args)}"
    if originator:
        query += f"&originator={ident(originator)}"
    return Request(_CREATE, f"channels/create?{query}", variables_body(safe.variables(variables or {})), _channel)


def originate(
    endpoint: str,
    *,
    app: str,
    channel_id: str,
    app_args: Sequence[str] = (),
    caller_name: str = "",
    caller_number: str = "",
    timeout_s: int = 30,
    originator: str = "",
    formats: Sequence[str] = (),
    variables: Mapping[str, str] | None = None,
) -> Request[Channel]:
    """Dial; the channel enters `app` when it is answered. Always into an application, never into a context or an
    extension named by data. 409 when `channel_id` lives already: nothing is dialled twice by one id. `formats` is what to
    offer first; without them Asterisk would rather have its own raw audio."""
    query = f"endpoint={safe.endpoint(endpoint)}&app={safe.token(app)}&channelId={ident(channel_id)}"
    query += f"&timeout={int(timeout_s)}"
    if app_args:
        query += f"&appArgs={safe.arguments(app_args)}"
    if caller_name or caller_number:
        query += f"&callerId={safe.caller_id(caller_name, caller_number)}"
    if originator:
        query += f"&originator={ident(originator)}"
    if formats:
        query += f"&formats={','.join(safe.token(name) for name in formats)}"
    return Request(_ORIGINATE, f"channels?{query}", variables_body(safe.variables(variables or {})), _channel)


def originate_into(
    context: str, extension: str, endpoint: str, *, channel_id: str, caller_name: str = "", timeout_s: int = 30
) -> Request[Channel]:
    """Dial; the channel goes into the dialplan when it is answered, and needs nobody's application. `context` is the code's
    own word, never data."""
    where = f"context={safe.token(context)}&extension={safe.token(extension)}&priority=1"
    query = f"endpoint={safe.endpoint(endpoint)}&{where}&channelId={ident(channel_id)}&timeout={int(timeout_s)}"
    if caller_name:
        query += f"&callerId={safe.caller_id(caller_name, '')}"
    return Request(_ORIGINATE, f"channels?{query}", b"", _channel)


def dial_out(
    clearance: Clearance,
    trunk: str,
    *,
    app: str,
    channel_id: str,
    app_args: Sequence[str] = (),
    timeout_s: int = 45,
    variables: Mapping[str, str] | None = None,
) -> Request[Channel]:
    """Dial a number outside through a trunk, otherwise like `originate`: the one request that leaves the house. Number and
    caller id are the clearance's."""
    query = f"endpoint={safe.outside(clearance.number, trunk)}&app={safe.token(app)}&channelId={ident(channel_id)}"
    query += f"&timeout={int(timeout_s)}"
    if app_args:
        query += f"&appArgs={safe.arguments(app_args)}"
    if clearance.caller_id:
        query += f"&callerId={safe.caller_id('', clearance.caller_id)}"
    return Request(_ORIGINATE, f"channels?{query}", variables_body(safe.variables(variables or {})), _channel)


def dial(channel_id: str, *, caller: str = "", timeout_s: int = 30) -> Request[None]:
    """Dial a channel made by `create`; progress comes as Dial events."""
    query = f"timeout={int(timeout_s)}" + (f"&caller={ident(caller)}" if caller else "")
    return Request(_DIAL, f"channels/{ident(channel_id)}/dial?{query}")


def answer(channel_id: str) -> Request[None]:
    """Answer."""
    return _simple("POST", channel_id, "answer")


def ring(channel_id: str) -> Request[None]:
    """Let the far end hear ringing."""
    return _simple("POST", channel_id, "ring")


def stop_ring(channel_id: str) -> Request[None]:
    """End `ring`."""
    return _simple("DELETE", channel_id, "ring")


def progress(channel_id: str) -> Request[None]:
    """183: early media, before the answer."""
    return _simple("POST", channel_id, "progress")


def hold(channel_id: str) -> Request[None]:
    """Put the far end on hold."""
    return _simple("POST", channel_id, "hold")


def unhold(channel_id: str) -> Request[None]:
    """End `hold`."""
    return _simple("DELETE", channel_id, "hold")


def mute(channel_id: str, direction: Direction = "both") -> Request[None]:
    """Silence one or both directions (`in`: what the channel says)."""
    return _simple("POST", channel_id, "mute", f"?direction={safe.token(direction)}")


def unmute(channel_id: str, direction: Direction = "both") -> Request[None]:
    """End `mute`."""
    return _simple("DELETE", channel_id, "mute", f"?direction={safe.token(direction)}")


def start_moh(channel_id: str, music_class: str = "") -> Request[None]:
    """Music on hold; refused (409) while the channel is in a bridge, use the bridge's."""
    return _simple("POST", channel_id, "moh", f"?mohClass={safe.token(music_class)}" if music_class else "")


def stop_moh(channel_id: str) -> Request[None]:
    """End `start_moh`."""
    return _simple("DELETE", channel_id, "moh")


def hangup(channel_id: str, cause: int | None = None) -> Request[None]:
    """Hang up with a Q.850 cause (default: normal clearing)."""
    return Request(_HANGUP, f"channels/{ident(channel_id)}" + (f"?reason_code={int(cause)}" if cause else ""))


def send_on(channel_id: str, *, context: str, extension: str, priority: int = 1) -> Request[None]:
    """Continue in the dialplan; the channel leaves our application. (ARI's `continue`, a word Python keeps.)"""
    query = f"context={safe.token(context)}&extension={safe.token(extension)}&priority={int(priority)}"
    return Request(_CONTINUE, f"channels/{ident(channel_id)}/continue?{query}")


def redirect(channel_id: str, endpoint: str) -> Request[None]:
    """Tell the far end to go elsewhere (SIP 302 before the answer, REFER after it)."""
    return Request(_REDIRECT, f"channels/{ident(channel_id)}/redirect?endpoint={safe.endpoint(endpoint)}")


def transfer_progress(channel_id: str, states: str) -> Request[None]:
    """Report on a transfer that was left to us: channel_progress, channel_answered, channel_unavailable,
    channel_declined."""
    return Request(_TRANSFER, f"channels/{ident(channel_id)}/transfer_progress?states={safe.token(states)}")


def play(channel_id: str, media: Sequence[str], *, playback_id: str, language: str = "") -> Request[None]:
    """Play media one after the other as one playback. A second `play` with a living id is NOT refused by Asterisk but
    plays again: after an unknown outcome, ask for the playback instead of repeating."""
    query = f"media={safe.media(media)}" + (f"&lang={safe.token(language)}" if language else "")
    return Request(_PLAY, f"channels/{ident(channel_id)}/play/{ident(playback_id)}?{query}")


def send_dtmf(channel_id: str, digits: str) -> Request[None]:
    """Send DTMF to the far end."""
    return Request(_DTMF, f"channels/{ident(channel_id)}/dtmf?dtmf={safe.digits(digits)}")


def record(
    channel_id: str,
    *,
    name: str,
    audio_format: str = "wav",
    max_seconds: int = 0,
    max_silence_seconds: int = 0,
    if_exists: IfExists = "fail",
    beep: bool = False,
    terminate_on: str = "none",
) -> Request[None]:
    """Record what the channel says; refused (409) while it is in a bridge."""
    query = (
        f"name={safe.file_name(name)}&format={safe.token(audio_format)}&maxDurationSeconds={int(max_seconds)}"
        f"&maxSilenceSeconds={int(max_silence_seconds)}&ifExists={safe.token(if_exists)}"
        f"&beep={'true' if beep else 'false'}&terminateOn={_terminator(terminate_on)}"
    )
    return Request(_RECORD, f"channels/{ident(channel_id)}/record?{query}")


def _terminator(value: str) -> str:
    return quote(value) if value in ("*", "#") else safe.token(value)


def snoop(
    channel_id: str, *, snoop_id: str, app: str, spy: Spy = "none", whisper: Spy = "none", app_args: Sequence[str] = ()
) -> Request[Channel]:
    """A channel that listens to or speaks into another."""
    query = f"spy={safe.token(spy)}&whisper={safe.token(whisper)}&app={safe.token(app)}"
    if app_args:
        query += f"&appArgs={safe.arguments(app_args)}"
    return Request(_SNOOP, f"channels/{ident(channel_id)}/snoop/{ident(snoop_id)}?{query}", b"", _channel)


def set_variables(channel_id: str, variables: Mapping[str, str]) -> Request[None]:
    """Set several variables in one request."""
    return Request(_SET, f"channels/{ident(channel_id)}/variables", variables_body(safe.variables(variables)))


def get_variable(channel_id: str, name: str) -> Request[Variable]:
    """One variable; 404 when the channel is gone or the variable is not set. What is needed often belongs into
    ari.conf's channelvars instead."""
    return Request(_READ, f"channels/{ident(channel_id)}/variable?variable={_quoted(name)}", b"", _variable)


def _quoted(name: str) -> str:
    return quote(safe.variable(name), safe="")


def rtp_statistics(channel_id: str) -> Request[RtpStatistics]:
    """Audio figures while the channel lives."""
    return Request(_RTP, f"channels/{ident(channel_id)}/rtp_statistics", b"", _rtp)
