"""Masks numbers, names, e-mail addresses and secrets in everything that is about to be logged (invariant 7, bar S-12).

Law: a value is masked because of its key or because of what it looks like; whatever is not plain data is turned into
text here, never later, so that nothing reaches a renderer unseen.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, MutableMapping
from typing import Any

import msgspec

from m3voip.core.phone import digits, mask

HIDDEN = "•••"

_NUMBER_KEYS = {"number", "phone", "caller", "callerid", "callee", "did", "ani", "dnis", "msisdn", "extension", "to"}
_HIDDEN_KEYS = {
    "name", "firstname", "lastname", "fullname", "callername", "displayname", "email", "mail", "address",
    "digits", "dtmf", "pin", "password", "passwd", "secret", "token", "key", "apikey", "authorization", "cookie",
    "pepper", "dsn", "ha1", "credential", "credentials", "body", "notes", "variables", "values",
}  # fmt: skip
_HARMLESS_KEYS = {"extension"}
"""An agent's own extension is neither a caller's number nor a person's name; operators read logs by it."""

_WORDS = re.compile(r"[A-Za-z][a-z0-9]*|[A-Z]+(?![a-z])")

_TEXT = re.compile(
    r"""
    (?P<keep>
        \b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b                                   # our ids
      | \b\d{4}-\d\d-\d\d(?:[T\ ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?\b    # times
      | \b(?=[0-9]*[a-f])[0-9a-f]{16}\b | \b[0-9a-f]{32,64}\b                             # trace ids, hashes
      | (?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.])  # IPv4
      | \b0x[0-9a-f]+\b
    )
  | (?P<key>\bm3v_[A-Za-z0-9_-]+ | (?<=\bBearer\ )\S+ | (?<=://)[^\s/@:]*:[^\s/@]+(?=@))
  | (?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)
  | (?P<field>\b(?:caller|first|last|full|display)_?name | \bpassword | \bsecret | \btoken | \bdigits)
      (?P<is>["']?\s*[=:]\s*)(?P<value>"[^"]*"|'[^']*'|[^\s,;)}\]]+)
  | (?<=\)=\()(?P<detail>[^)]*)(?=\))                                                    # Postgres: Key (name)=(Jane)
  | (?P<number>\+?\d(?:[\s().\-/]{0,2}\d){6,})
    """,
    re.VERBOSE | re.IGNORECASE,
)


def _seen(match: re.Match[str]) -> str:
    if match["keep"] is not None:
        return match[0]
    if (number := match["number"]) is not None:
        return mask(number) if len(number) > 6 else HIDDEN
    if match["field"] is not None:
        return f"{match['field']}{match['is']}{HIDDEN}"
    return HIDDEN


def scrub(text: str) -> str:
    """Mask what in ``text`` looks like a number of seven or more digits, an e-mail address, a key, or a named field."""
    return _TEXT.sub(_seen, text)


def _last_words(key: str) -> tuple[str, str]:
    words = [word.lower() for word in _WORDS.findall(key)]
    return (words[-1] if words else ""), "".join(words)


def _hidden_by_key(key: str) -> bool | None:
    """True: hide whole; None: a number, mask it; False: only look at the text."""
    last, whole = _last_words(key)
    if whole in _HARMLESS_KEYS:
        return False
    if last in _HIDDEN_KEYS or whole in _HIDDEN_KEYS:
        return True
    return None if last in _NUMBER_KEYS or whole in _NUMBER_KEYS else False


def clean(value: Any, key: str = "") -> Any:
    """The same value as plain data, masked. ``key`` is the name it is logged under."""
    by_key = _hidden_by_key(key) if key else False
    return _clean(value, by_key)


def _clean(value: Any, by_key: bool | None) -> Any:  # noqa: PLR0911 (one case a line)
    if value is None or isinstance(value, bool | float):
        return value
    if by_key is True:
        return HIDDEN
    if isinstance(value, int):
        return value if by_key is False else mask(str(value))
    if isinstance(value, str):
        return scrub(value) if by_key is False or not digits(value) else mask(value)
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.asdict(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {scrub(str(k)): _clean(v, by_key or _hidden_by_key(str(k))) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, by_key) for item in value]
    return _clean(str(value), by_key)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor. It runs after tracebacks are turned into text and before anything is rendered."""
    return {scrub(key): value if key in {"level", "logger"} else clean(value, key) for key, value in event.items()}
