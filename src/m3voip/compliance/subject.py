"""The number that somebody wants to dial: read, and what is known of numbers like it. Parsing by ``phonenumbers``."""

from __future__ import annotations

from enum import StrEnum

import phonenumbers
from msgspec import Struct
from phonenumbers import PhoneNumberType

from m3voip.compliance.emergency import is_emergency
from m3voip.core.phone import digits

SATELLITE = frozenset({870, 881, 882, 883})
"""Country codes of satellites and international networks (ITU-T E.164.D, 2016-11-15: Inmarsat, GMSS, networks)."""
_SEPARATORS = str.maketrans("", "", " ()./-")


class Service(StrEnum):
    """What sort of number it is, by what it may cost."""

    ORDINARY = "ordinary"
    PREMIUM = "premium"  # also shared cost, and universal and personal numbers without a place
    SATELLITE = "satellite"
    UNKNOWN = "unknown"


class Subject(Struct, frozen=True, kw_only=True):
    """``number`` is E.164, an emergency number as dialled, or, where ``valid`` is false, what was typed."""

    typed: str
    number: str
    valid: bool
    emergency: bool
    country: str = ""
    service: Service = Service.UNKNOWN

    @property
    def digits(self) -> str:
        """As registers know it."""
        return digits(self.number)


_PREMIUM = (
    PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER, PhoneNumberType.UAN,
)  # fmt: skip


def read(typed: str, region: str) -> Subject:
    """Read what was typed; ``region`` (ISO 3166, "" = unknown) reads national spellings."""
    plain = typed.translate(_SEPARATORS)
    if plain.isascii() and plain.isdigit() and is_emergency(plain, region):
        return Subject(typed=typed, number=plain, valid=True, emergency=True, country=region)
    try:
        parsed = phonenumbers.parse(plain, region or None)
    except phonenumbers.NumberParseException:
        return Subject(typed=typed, number=typed, valid=False, emergency=False)
    if not phonenumbers.is_valid_number(parsed) or parsed.extension:
        return Subject(typed=typed, number=typed, valid=False, emergency=False)
    return Subject(
        typed=typed,
        number=str(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)),
        valid=True,
        emergency=False,
        country=phonenumbers.region_code_for_number(parsed) or "",
        service=_service(parsed),
    )


def _service(parsed: phonenumbers.PhoneNumber) -> Service:
    if parsed.country_code in SATELLITE:
        return Service.SATELLITE
    kind = phonenumbers.number_type(parsed)
    if kind in _PREMIUM or phonenumbers.region_code_for_number(parsed) == "001":
        return Service.PREMIUM
    return Service.UNKNOWN if kind == PhoneNumberType.UNKNOWN else Service.ORDINARY
