"""Phone numbers: one spelling (E.164), one mask. Parsing by Google's metadata (phonenumbers).

Law: a number leaves this program unmasked only to the database, the API's rightful reader and the telephony node.
"""

from __future__ import annotations

import re

import phonenumbers

_DIGITS = re.compile(r"[^0-9]")


def e164(text: str, region: str | None = None) -> str | None:
    """``+15551234567`` or None when it is not a possible number. ``region`` (ISO 3166) reads national spellings."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def country(text: str) -> str:
    """The country of a number that is spelled with its country code, as in ``DE``; "" when it has none."""
    try:
        number = phonenumbers.parse(f"+{digits(text)}")
    except phonenumbers.NumberParseException:
        return ""
    return phonenumbers.region_code_for_number(number) or ""


def digits(text: str) -> str:
    """Only the digits: how a DID is matched in the dialplan and in the database."""
    return _DIGITS.sub("", text)


def as_number(heard: str) -> str:
    """A number as the telephony node heard it, in E.164 where it is one: digits without the plus sign get it back. What is
    too short for that is an extension, what begins with 0 a national spelling; both stay."""
    return f"+{heard}" if heard.isdigit() and len(heard) >= 8 and not heard.startswith("0") else heard


def mask(text: str) -> str:
    """What may be logged: the first three and last two characters, e.g. ``+15•••••••67``; short ones vanish whole."""
    if len(text) <= 6:
        return "•" * len(text)
    return f"{text[:3]}{'•' * (len(text) - 5)}{text[-2:]}"
