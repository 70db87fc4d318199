"""Emergency numbers. They pass every rule and cap: a wrong no may cost a life, a wrong yes costs a call.

Which numbers those are in a country is Google's metadata of short numbers (libphonenumber, ShortNumberMetadata, as of the
version of ``phonenumbers`` in requirements.lock). Before that come those that reach help from any network.
"""

from __future__ import annotations

from typing import Final

import phonenumbers

EVERYWHERE: Final = frozenset({"112", "911"})
"""Source: 3GPP TS 22.101 §10.1.1 (release 17, 2022-03): terminals take these for emergency numbers in every network."""
SOURCE: Final = f"3GPP TS 22.101 §10.1.1; libphonenumber {phonenumbers.__version__}"


def is_emergency(digits: str, region: str) -> bool:
    """Whether these digits, as they are dialled, call for help in this region (ISO 3166, "" = unknown)."""
    if digits in EVERYWHERE:
        return True
    return bool(region) and len(digits) <= 6 and bool(phonenumbers.is_emergency_number(digits, region))
