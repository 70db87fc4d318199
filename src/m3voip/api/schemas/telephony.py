"""The telephony node on the wire, without anybody's number or name."""

from __future__ import annotations

from pydantic import Field, JsonValue

from m3voip.api.fields import Wire, examples

_LIVE: dict[str, JsonValue] = {
    "party": "desk_tls", "codec": "g722", "from": ["g722"], "to": ["ulaw", "slin", "slin", "g722"], "channels": 3,
    "transcodes": True, "cost": 23250,
}  # fmt: skip
_PAIR: dict[str, JsonValue] = {
    "caller": "trunk", "called": "browser", "callerCodec": "alaw", "calledCodec": "alaw", "transcodes": False, "cost": 0,
}  # fmt: skip
_COST: dict[str, JsonValue] = {"from": "opus", "to": "ulaw", "cost": 23000}


class LiveCodecs(Wire):
    """Channels that are alike at this moment."""

    party: str = Field(description="a phoneKind, or trunk")
    codec: str = Field(description="what is spoken with it")
    from_: list[str] = Field(
        alias="from", description="what its audio becomes, step by step; one step is no transcoding"
    )
    to: list[str] = Field(description="what its audio was made of, step by step")
    channels: int
    transcodes: bool
    cost: int | None = Field(description="of one second of audio, both ways, by the table; null where it does not say")
    model_config = examples(_LIVE)


class CodecPair(Wire):
    """What two kinds agree on if both can do all that their kinds list."""

    caller: str
    called: str
    caller_codec: str
    called_codec: str
    transcodes: bool
    cost: int | None
    model_config = examples(_PAIR)


class TranslationCost(Wire):
    """One direction of Asterisk's table."""

    from_: str = Field(alias="from")
    to: str
    cost: int = Field(description="by which Asterisk chooses ways, in microseconds for a second of audio; not measured")
    model_config = examples(_COST)


class TelephonyCodecs(Wire):
    """Who transcodes, who would, and what it costs."""

    live: list[LiveCodecs]
    pairs: list[CodecPair] = Field(description="of the kinds of phones and trunks that are set up")
    costs: list[TranslationCost] = Field(description="between the codecs that phones and carriers are offered")
    model_config = examples({"live": [_LIVE], "pairs": [_PAIR], "costs": [_COST]})
