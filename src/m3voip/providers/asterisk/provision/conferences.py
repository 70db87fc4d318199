"""Conferences as Asterisk gets them: what holds in each, what is asked for before, and who may dial which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from m3voip.providers.asterisk.provision.names import check, check_range

SPOOL = "/var/spool/asterisk/monitor"
"""Where Asterisk writes recordings, as it sees it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConferenceConfig:
    """One conference. ``name`` is Asterisk's, ``number`` what phones of ``context`` dial. The digests are of the PINs
    (core.conference.pin_digest): a party who types what gives ``moderator_pin`` is a moderator; without ``pin`` everybody
    gets in. ``music`` "" is silence."""

    name: str
    number: str
    context: str = "from-agent"
    pin: str = ""
    moderator_pin: str = ""
    max_parties: int = 50
    record: bool = False
    music: str = "default"
    announce: bool = True
    locked_at_start: bool = False
    wait_for_moderator: bool = False

    def __post_init__(self) -> None:
        owner = f"conference {check('conference name', self.name, 'conference')}"
        check("extension", self.number, f"{owner}: number")
        check("phone context", self.context, f"{owner}: context")
        check_range("max_parties", self.max_parties, 2, 500, owner)
        for digest in (self.pin, self.moderator_pin):
            if digest:
                check("PIN digest", digest, f"{owner}: PIN")
        if self.music:
            check("music class", self.music, f"{owner}: music")


def profiles(conferences: Iterable[ConferenceConfig]) -> Iterable[str]:
    """What app_confbridge reads: for each conference itself, its participants and its moderators."""
    for one in sorted(conferences, key=lambda c: c.name):
        yield from ("", f"[{one.name}](_conference)", f"max_members = {one.max_parties}")
        yield from (f"record_conference = {_yes(one.record)}", f"record_file = {SPOOL}/conference-{one.name}.wav")
        alone = (
            f"music_on_hold_when_empty = {_yes(bool(one.music))}",
            f"music_on_hold_class = {one.music or 'default'}",
        )
        common = (*alone, f"quiet = {_yes(not one.announce)}")
        yield from (f"[{one.name}-participant](_participant)", *common)
        # Marked are those whose going ends a recording on demand, and for whom others may wait.
        yield from (f"marked = {_yes(not one.wait_for_moderator)}", f"wait_marked = {_yes(one.wait_for_moderator)}")
        yield from (f"[{one.name}-moderator](_moderator)", *common)


def settings(conferences: Iterable[ConferenceConfig]) -> Iterable[str]:
    """The routines that dialplans/to-conference.conf calls by a conference's name."""
    yield from ("", "[conference-settings]")
    for one in sorted(conferences, key=lambda c: c.name):
        yield f"exten => {one.name},1,Set(M3_CONF_PIN={one.pin})"
        yield f" same => n,Set(M3_CONF_MODERATOR_PIN={one.moderator_pin})"
        yield f" same => n,Set(M3_CONF_MAX={one.max_parties})"
        yield f" same => n,Set(M3_CONF_RECORD={_yes(one.record)})"
        yield f" same => n,Set(M3_CONF_LOCKED={_yes(one.locked_at_start)})"
        yield " same => n,Return()"


def numbers(conferences: Iterable[ConferenceConfig]) -> Iterable[str]:
    """What the phones of one context dial."""
    for one in sorted(conferences, key=lambda c: c.number):
        yield f"exten => {one.number},1,Set(M3_CONFERENCE={one.name})"
        yield " same => n,Goto(agent-to-conference,s,1)"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
