"""Who transcodes: what each channel's audio goes through, what pairs of phones would, and what it costs. Pure.

Costs are Asterisk's own table (``core show translation``): the price it puts on a way between two formats when it chooses
one, in microseconds for a second of audio; no clock measured them on this machine.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from m3voip.core.device import KINDS

TRUNK = "trunk"
TRUNK_CODECS = ("alaw", "ulaw", "g722")
"""What we offer carriers; pjsip.conf says the same (_trunk)."""

_FORMAT = re.compile(r"[a-z0-9_]+")
_STEP = re.compile(r"\(?([a-z0-9_]+)(?:@([0-9]+))?\)?")


class ChannelFormats(Struct, frozen=True, kw_only=True):
    """One channel's audio. ``from_it`` begins with the codec that it sends, ``to_it`` ends with the one that it is sent;
    between them and what the rest of Asterisk handles are the steps. A single step is no transcoding."""

    device: str
    from_it: tuple[str, ...]
    to_it: tuple[str, ...]

    @property
    def codec(self) -> str:
        """What is spoken with it: one codec, or ``from/to`` where the two ways differ."""
        return "/".join(dict.fromkeys((*self.from_it[:1], *self.to_it[-1:])))


class Party(Struct, frozen=True, kw_only=True):
    """Channels alike: whose (a phone_kind or trunk), which codec, which steps. ``cost``: of one second, both ways."""

    party: str
    codec: str
    from_it: tuple[str, ...]
    to_it: tuple[str, ...]
    channels: int
    cost: int | None

    @property
    def transcodes(self) -> bool:
        """Whether audio is decoded and encoded on its way."""
        return len(self.from_it) > 1 or len(self.to_it) > 1


class Pair(Struct, frozen=True, kw_only=True):
    """What two kinds agree on when the first calls the second and both can do all that their kinds list."""

    caller: str
    called: str
    caller_codec: str
    called_codec: str
    cost: int | None

    @property
    def transcodes(self) -> bool:
        """Whether they end up with different codecs."""
        return self.caller_codec != self.called_codec


Costs = Mapping[tuple[str, str], int]
"""(from, to) → the table's figure."""


class CodecReport(Struct, frozen=True, kw_only=True):
    """Who transcodes now, which kinds would with each other, and the costs of each way."""

    live: list[Party]
    pairs: list[Pair]
    costs: Costs


def steps(text: str) -> tuple[str, ...]:
    """Asterisk's way between formats, ``(opus@48000)->(slin@8000)->(ulaw@8000)``, as the names that its table of costs has
    (opus, slin8, ulaw); () where there is none."""
    return tuple(_name(found[1], found[2]) for part in text.split("->") if (found := _STEP.fullmatch(part.strip())))


def live(channels: Iterable[tuple[str, ChannelFormats]], costs: Costs) -> list[Party]:
    """Channels by what they have in common, the most frequent first. Each comes with whose it is."""
    counted = Counter((party, one.codec, one.from_it, one.to_it) for party, one in channels)
    return [
        Party(party=party, codec=codec, from_it=from_it, to_it=to_it, channels=count, cost=_cost(costs, from_it, to_it))
        for (party, codec, from_it, to_it), count in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    ]


def pairs(parties: Iterable[str], costs: Costs) -> list[Pair]:
    """Every kind calling every other, and trunks calling every kind."""
    known = sorted(set(parties))
    return [
        _pair(caller, called, costs) for caller in known for called in known if called != TRUNK
    ]  # calls to carriers need a clearance first and are not made here yet


def codecs_of(party: str) -> Sequence[str]:
    """In order of preference."""
    return TRUNK_CODECS if party == TRUNK else KINDS[party].codecs


def _name(name: str, rate: str | None) -> str:
    """Raw audio is one format at many rates; the table tells them apart by thousands of samples a second."""
    return f"slin{int(rate) // 1000}" if name == "slin" and rate else name


def _pair(caller: str, called: str, costs: Costs) -> Pair:
    """The caller's own first choice is answered; what is offered to the other begins with it."""
    first, theirs = codecs_of(caller)[0], codecs_of(called)
    second = first if first in theirs else theirs[0]
    return Pair(
        caller=caller,
        called=called,
        caller_codec=first,
        called_codec=second,
        cost=0 if first == second else _both(costs, first, second),
    )


def _both(costs: Costs, one: str, other: str) -> int | None:
    there, back = costs.get((one, other)), costs.get((other, one))
    return None if there is None or back is None else there + back


def _cost(costs: Costs, *ways: tuple[str, ...]) -> int | None:
    """Of the ways from their first step to their last; None where the table does not say."""
    prices = [costs.get((way[0], way[-1])) for way in ways if len(way) > 1]
    return None if None in prices else sum(price for price in prices if price is not None)


def read_costs(table: str) -> dict[tuple[str, str], int]:
    """``core show translation`` as (from, to) → cost; what does not look like its table is left out."""
    columns: list[str] = []
    costs: dict[tuple[str, str], int] = {}
    for line in table.splitlines():
        words = line.split()
        if len(words) > 1 and all(map(_FORMAT.fullmatch, words)) and not any(word.isdigit() for word in words):
            columns = words
        elif len(words) == len(columns) + 1 and columns and all(w == "-" or w.isdigit() for w in words[1:]):
            costs.update(
                ((words[0], to), int(price)) for to, price in zip(columns, words[1:], strict=True) if price != "-"
            )
    return costs
