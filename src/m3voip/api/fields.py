"""The kinds of text a client may send, each by a whitelist, and what to say when it does not fit.

Law: whatever can reach Asterisk (invariant 4) or a file name has one of these types; free text may not hold control
characters, which Postgres and logs cannot take.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any

from msgspec import Struct
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints
from pydantic.alias_generators import to_camel

from m3voip.core.phone import digits, e164

_EXTENSION = r"^[0-9]{2,6}$"
_NAME = r"^[a-z0-9][a-z0-9-]{0,31}$"
PIN = r"^[0-9]{4,10}$"
_TREE = r"^[a-z0-9][a-z0-9_-]{0,31}$"
_BOX = r"^[0-9]{2,10}$"
_TEXT = r"^[^\x00-\x1f\x7f]*$"
_PERSON = r"^[\w .'-]{0,40}$"
_HOST = r"^([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?)?$"
_USERNAME = r"^[A-Za-z0-9_.+-]{0,64}$"
_CARRIER_WORD = r"^[A-Za-z0-9!#$%&()*+,./:<=>?@^_{|}~-]{0,128}$"
_NUMBER_FILTER = r"^[+ ]?[0-9][0-9 ().-]{1,24}$"
DIALLED = r"^[+ ]?[0-9(][0-9 ().\-/]{1,30}$"
_KEY = r"^[\x21-\x7e]{1,200}$"

_HINTS = {
    _EXTENSION: "must be 2 to 6 digits, for example 101.",
    _NAME: "must be 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit, for example sales.",
    _BOX: "must be 2 to 10 digits, for example 100.",
    PIN: "must be 4 to 10 digits.",
    _TREE: "must be 1 to 32 of a-z, 0-9, - and _, beginning with a letter or digit, for example main.",
    _PERSON: "must be at most 40 letters, digits, spaces and . ' - _",
    _CARRIER_WORD: "must be at most 128 ASCII characters without spaces, quotes, ; and backslash.",
    _TEXT: "must not hold control characters.",
    _HOST: "must be a host name or an address, for example sip.carrier.example.",
    _USERNAME: "must be at most 64 of letters, digits and _ . + -",
    _NUMBER_FILTER: "must be a phone number or an extension, for example +15550100100 (in a URL: %2B15550100100).",
    DIALLED: "must be a number as it is dialled, for example +12025550143 (in a URL: %2B12025550143).",
    _KEY: "must be 1 to 200 visible ASCII characters, for example a UUID.",
}


def hint(pattern: str) -> str | None:
    """What a value must look like, for people."""
    return _HINTS.get(pattern)


def _number(value: str) -> str:
    """The one spelling of a number; the country must be in it, because a tenant may have callers from everywhere."""
    spelled = e164(value if value.startswith("+") else f"+{digits(value)}") if _plausible(value) else None
    if spelled is None:
        raise ValueError("must be a phone number with its country code, for example +15550100100.")
    return spelled


def _plausible(value: str) -> bool:
    return value.isascii() and all(c.isdigit() or c in "+ ().-/" for c in value)


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("must say its time zone, for example 2026-11-23T10:00:00Z.")
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("must be a time between the years 1 and 9999.") from error


Extension = Annotated[str, StringConstraints(pattern=_EXTENSION), Field(description="2 to 6 digits")]
Name = Annotated[str, StringConstraints(pattern=_NAME), Field(description="1 to 32 of a-z, 0-9 and -")]
Box = Annotated[str, StringConstraints(pattern=_BOX), Field(description="number of a mailbox, 2 to 10 digits")]
TreeName = Annotated[str, StringConstraints(pattern=_TREE), Field(description="1 to 32 of a-z, 0-9, - and _")]
Person = Annotated[
    str, StringConstraints(pattern=_PERSON), Field(description="at most 40 letters, digits, spaces, . ' - _")
]
SipPassword = Annotated[str, StringConstraints(pattern=_CARRIER_WORD)]
Text = Annotated[str, StringConstraints(pattern=_TEXT, min_length=1, max_length=100)]
Label = Annotated[str, StringConstraints(pattern=_TEXT, max_length=100)]
LongText = Annotated[str, StringConstraints(pattern=_TEXT, max_length=500)]
Host = Annotated[str, StringConstraints(pattern=_HOST), Field(description="host name or address")]
Username = Annotated[str, StringConstraints(pattern=_USERNAME)]
IdempotencyKey = Annotated[str, StringConstraints(pattern=_KEY)]
Number = Annotated[
    str,
    StringConstraints(max_length=32),
    AfterValidator(_number),
    Field(
        description="phone number, E.164 (`+` and country code); other spellings with the country code are turned into it"
    ),
]
NumberFilter = Annotated[str, StringConstraints(pattern=_NUMBER_FILTER), Field(examples=["+15550100100"])]
Time = Annotated[datetime, AfterValidator(_utc), Field(description="ISO 8601 with its zone; answered in UTC")]
Port = Annotated[int, Field(ge=1, le=65535)]


def examples(*shown: dict[str, JsonValue]) -> ConfigDict:
    """The examples of a schema, for its ``model_config``."""
    return ConfigDict(json_schema_extra={"examples": list(shown)})


def page_of(shown: dict[str, JsonValue]) -> ConfigDict:
    """The example of a list with one row."""
    return examples({"items": [shown], "nextCursor": None})


def unset() -> Any:
    """The default of a field that a PATCH may leave out: never looked at, and not null in the documentation."""
    return Field(default_factory=lambda: None)


def columns(sent: BaseModel, *, changes: bool = False) -> dict[str, Any]:
    """What a client sent, by the database's column names; ``changes``: only the fields that were sent."""
    return {_column(name): value for name, value in sent.model_dump(exclude_unset=changes).items()}


def fields(row: Struct) -> dict[str, Any]:
    """A row by the API's field names."""
    return {field: getattr(row, name) for name, field in _fields(type(row))}


def _column(name: str) -> str:
    return name.removesuffix("ec") if name.endswith("_sec") else name


@cache
def _fields(kind: type[Struct]) -> tuple[tuple[str, str], ...]:
    return tuple((name, f"{name}ec" if name.endswith("_s") else name) for name in kind.__struct_fields__)


class Wire(BaseModel):
    """Base of what is answered: camelCase, built from field names."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, from_attributes=True
    )


class Sent(BaseModel):
    """Base of what a client sends: camelCase; a field that is not known is an error, because it is a mistake."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=False, validate_by_alias=True, extra="forbid")
