"""The legs of a call that is in hand: who they are and where they are.

Law: a call in hand has two places, and what everybody hears follows from where they are. The caller is in MAIN and never
moves, so their recording has one bridge from beginning to end; the others step ASIDE and come back. In a place all hear each
other; who is left there alone without an agent hears music.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class Place(StrEnum):
    """Where a party is."""

    MAIN = "main"  # with the caller
    ASIDE = "aside"  # away from the caller: on hold, or consulting


class Role(StrEnum):
    """What a party is to the call."""

    CALLER = "caller"
    AGENT = "agent"  # whose call it is: who holds, consults and hands on
    GUEST = "guest"  # consulted, or added to a conference


class Party(Struct, frozen=True, kw_only=True):
    """One leg: an agent's, by their extension, or one outside, by its number (``attempt`` and ``trunk`` are those by which it is
    called). ``here``: it stands in our application; before that it is on its way, or rings."""

    leg: str
    role: Role
    extension: str = ""
    number: str = ""
    attempt: UUID | None = None
    trunk: str = ""
    place: Place = Place.MAIN
    here: bool = False
    muted: bool = False

    @property
    def called(self) -> str:
        """What whoever wanted them dialled."""
        return self.extension or self.number


class TargetKind(StrEnum):
    """Where a caller can be handed on to."""

    EXTENSION = "extension"
    QUEUE = "queue"
    VOICEMAIL = "voicemail"
    NODE = "node"  # of the tree that the call follows
    NUMBER = "number"  # outside


class Target(Struct, frozen=True, kw_only=True):
    """Where a caller is handed on to, by name."""

    kind: TargetKind
    name: str


def bridge_of(call_id: UUID, place: Place) -> str:
    """The bridge behind a place of a call."""
    return f"{call_id}-{place.value}"


def call_of_bridge(bridge: str) -> UUID | None:
    """Whose bridge this is; None for those that are not a call's."""
    call, _, place = bridge.rpartition("-")
    if place not in set(Place):
        return None
    try:
        return UUID(call)
    except ValueError:
        return None


def music(parties: Iterable[Party]) -> frozenset[Place]:
    """Where there is music: with a caller whom everybody has left, with guests whom the agent has left. An agent who is on
    the way counts."""
    here: dict[Place, set[Role]] = {place: set() for place in Place}
    for party in parties:
        if party.here or party.role is Role.AGENT:
            here[party.place].add(party.role)
    alone = frozenset({Place.MAIN} if here[Place.MAIN] == {Role.CALLER} else ())
    return alone | ({Place.ASIDE} if here[Place.ASIDE] == {Role.GUEST} else frozenset())
