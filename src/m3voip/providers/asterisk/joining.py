"""Commands of calls in hand as ARI requests: legs are put into bridges, invited, silenced. Pure.

A channel that is put into a bridge leaves the one where it was. Making a bridge that is there is harmless, so every order
can be repeated.
"""

from __future__ import annotations

from typing import Any

from m3voip.core import commands as do
from m3voip.core.modes import Mode
from m3voip.ports import Names
from m3voip.providers.asterisk.ari import bridges, channels, system
from m3voip.providers.asterisk.ari.errors import AriError
from m3voip.providers.asterisk.ari.request import Request

PARTY = "party"
"""First Stasis argument of a leg that we invited."""
TAKEN = "taken"
"""First Stasis argument of a leg that was taken out of its queue or dial (dialplans/taken.conf)."""
TRANSFERS = "PJSIP_TRANSFER_HANDLING()", "ari-only"
"""A phone that wants to hand its call on (REFER) asks us, instead of Asterisk doing it behind our back."""
SPEAKS: dict[Mode, channels.Spy] = {Mode.LISTEN: "none", Mode.WHISPER: "out", Mode.BARGE: "both"}
"""``out``: into what the channel's phone hears; ``both``: also into what it says, thus to all others."""
MIXING = ("mixing", "dtmf_events", "video_sfu")
"""The one kind that always mixes. Others change their technology as people come and go, and the recorder of a channel that
goes from mixed to unmixed audio may lose, for good, what the channel hears (Asterisk 22.10.1). And it writes to a channel that
is alone in it: into silence nobody could whisper."""
NOT_FOUND = 404


def joining(command: do.Command, app: str, names: Names) -> list[Request[Any]] | None:
    """The requests, in order; None for a command of another kind. Raises AriError for a name that does not exist."""
    match command:
        case do.Place():
            make = bridges.create(command.bridge, kinds=MIXING)
            return [make, bridges.add_channels(command.bridge, [command.leg])]
        case do.Music():
            return [(bridges.start_moh if command.on else bridges.stop_moh)(command.bridge)]
        case do.Invite():
            return [_invite(command, app, names)]
        case do.DialOut():
            return [_dial_out(command, app, names)]
        case do.Ringback():
            ring = bridges.play(command.bridge, ["tone:ring"], playback_id=command.prompt)
            return [bridges.create(command.bridge, kinds=MIXING), ring]
        case do.Mute():
            return [(channels.mute if command.on else channels.unmute)(command.leg, "in")]
        case do.SendDigits():
            return [channels.send_dtmf(command.leg, command.digits)]
        case do.WatchLeg():
            return [system.subscribe(app, "channel", command.leg)]
        case do.Overhear():
            whisper = SPEAKS[command.mode]
            return [
                channels.snoop(
                    command.of, snoop_id=command.leg, app=app, spy="both", whisper=whisper, app_args=(PARTY,)
                )
            ]
        case do.AnswerTransfer():
            states = "channel_answered" if command.done else "channel_declined"
            return [channels.transfer_progress(command.leg, states)]
        case do.Dissolve():
            return [bridges.destroy(command.bridge)]
        case _:
            return None


def forgivable(command: do.Command, error: AriError) -> bool:
    """Whether it does not matter: what is gone already is as it should be, and of a leg that cannot be watched the queue
    tells."""
    unneeded = isinstance(command, do.StopPlaying | do.Dissolve | do.AnswerTransfer | do.Music)
    return isinstance(command, do.WatchLeg) or (unneeded and error.status == NOT_FOUND)


def is_party_end(command: do.Command) -> bool:
    """Whether a refusal of this means that the leg will never come."""
    return isinstance(command, do.Invite | do.DialOut | do.Overhear)


def _invite(command: do.Invite, app: str, names: Names) -> Request[Any]:
    endpoint = names.endpoint(command.tenant_id, command.extension)
    if endpoint is None:
        raise AriError(NOT_FOUND, "this agent does not exist")
    number = command.caller if command.caller.lstrip("+").isdigit() else ""
    return channels.originate(
        f"PJSIP/{endpoint}",
        app=app,
        channel_id=command.leg,
        app_args=(PARTY,),
        caller_name=command.caller_name,
        caller_number=number,
        timeout_s=command.timeout_s,
        variables={"M3_CALL_ID": str(command.call_id), **dict([TRANSFERS])},
    )


def _dial_out(command: do.DialOut, app: str, names: Names) -> Request[Any]:
    trunk = names.trunk(command.clearance.tenant_id, command.trunk)
    if trunk is None:
        raise AriError(NOT_FOUND, "this trunk does not exist")
    return channels.dial_out(
        command.clearance,
        trunk,
        app=app,
        channel_id=command.leg,
        app_args=(PARTY,),
        timeout_s=command.timeout_s,
        variables={"M3_CALL_ID": str(command.call_id)},
    )
