"""Conferences as Asterisk gets them: what dialplans/to-conference.conf sets for each party, and who may dial which."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from m3voip.providers.asterisk.provision.names import check, check_range


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


def settings(conferences: Iterable[ConferenceConfig]) -> Iterable[str]:
    """The routines that to-conference calls by a conference's name."""
    yield from ("", "[conference-settings]")
    for one in sorted(conferences, key=lambda c: c.name):
        values = {
            "PIN": one.pin,
            "MODERATOR_PIN": one.moderator_pin,
            "MAX": str(one.max_parties),
            "RECORD": _yes(one.record),
            "ALONE": _yes(bool(one.music)),
            "MUSIC": one.music or "default",
            "QUIET": _yes(not one.announce),
            "LOCKED": _yes(one.locked_at_start),
            "WAIT": _yes(one.wait_for_moderator),
        }
        first, *rest = (f"Set(M3_CONF_{name}={value})" for name, value in values.items())
        yield f"exten => {one.name},1,{first}"
        yield from (f" same => n,{step}" for step in rest)
        yield " same => n,Return()"


def numbers(conferences: Iterable[ConferenceConfig]) -> Iterable[str]:
    """What the phones of one context dial."""
    for one in sorted(conferences, key=lambda c: c.number):
        yield f"exten => {one.number},1,Set(M3_CONFERENCE={one.name})"
        yield " same => n,Goto(to-conference,s,1)"


def _yes(value: bool) -> str:
    return "yes" if value else "no"
