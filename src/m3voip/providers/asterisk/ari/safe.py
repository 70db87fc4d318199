"""Whitelists for everything that becomes part of an ARI request.

Law: no text reaches Asterisk as a name unless it matches a whitelist here (invariant 4, bar S-01); what does not match
raises `UnsafeValue` before anything is sent. Values that are only stored (variable values, caller names) may be any
text without control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from m3voip.providers.asterisk.ari.errors import UnsafeValue

# Asterisk's own channel ids are [systemname-]epoch.counter, `;2` marks the far half of a Local channel;
# 149 is AST_MAX_PUBLIC_UNIQUEID.
_IDENT = re.compile(r"[A-Za-z0-9_.:;-]{1,149}").fullmatch
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,79}").fullmatch
_FILE = re.compile(r"(?!\.)[A-Za-z0-9_.-]{1,128}").fullmatch
_ENDPOINT = re.compile(
    r"PJSIP/(?!trunk-)[A-Za-z0-9_-]{1,64}"
    r"|Local/[A-Za-z0-9_-]{1,64}@[A-Za-z0-9_-]{1,64}(?:/n)?"
).fullmatch
_OUTSIDE = re.compile(r"\+?[0-9]{2,15}").fullmatch
_TRUNK = re.compile(r"trunk-[a-z0-9-]{1,48}").fullmatch
_MEDIA = re.compile(
    r"(?=.{1,140}\Z)(?:sound|recording):/?[A-Za-z0-9_-][A-Za-z0-9_-]*(?:[./][A-Za-z0-9_-]+)*"
    r"|(?:number|digits):[0-9*#]{1,40}|characters:[A-Za-z0-9]{1,40}|tone:[a-z]{1,20}(?:;tonezone=[a-z]{2})?"
).fullmatch
_ARGUMENT = re.compile(r"[A-Za-z0-9_.:+*#@;/ -]{0,128}").fullmatch
_DIGITS = re.compile(r"[0-9*#A-D]{1,64}").fullmatch
_NUMBER = re.compile(r"\+?[0-9*#]{0,32}|anonymous").fullmatch
_VARIABLE = re.compile(
    r"_{0,2}[A-Za-z][A-Za-z0-9_]{0,63}"
    r"|CALLERID\((?:num|name|pres)\)|CONNECTEDLINE\((?:num|name)\)|CHANNEL\((?:language|musicclass|hangupsource)\)"
    r"|CHANNEL\((?:rtp,secure)\)|TIMEOUT\(absolute\)"
    r"|PJSIP_HEADER\(add,X-[A-Za-z0-9-]{1,40}\)|PJSIP_TRANSFER_HANDLING\(\)"
).fullmatch
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]").search


def ident(value: str) -> str:
    """A channel, bridge or playback id, ours or Asterisk's."""
    if _IDENT(value) is None:
        raise UnsafeValue("an id")
    return value


def token(value: str) -> str:
    """A context, extension, application, music class, language or module name."""
    if _TOKEN(value) is None:
        raise UnsafeValue("a name")
    return value


_CORE_MODULES = frozenset({"acl"})


def module(value: str) -> str:
    """A module's file name, e.g. `res_pjsip.so`, or one of the core's own."""
    if value in _CORE_MODULES:
        return value
    if not value.endswith(".so") or _TOKEN(value[:-3]) is None:
        raise UnsafeValue("a module name")
    return value


def file_name(value: str) -> str:
    """A recording's name: one path segment, no leading dot."""
    if _FILE(value) is None:
        raise UnsafeValue("a recording name")
    return value


def endpoint(value: str) -> str:
    """What to dial: a phone or a Local channel, never a trunk."""
    if _ENDPOINT(value) is None:
        raise UnsafeValue("an endpoint")
    return quote(value, safe="/@")


def outside(number: str, trunk: str) -> str:
    """A number at a trunk, to dial it. Only ``channels.dial_out`` asks for this, which takes a clearance."""
    if _OUTSIDE(number) is None or _TRUNK(trunk) is None:
        raise UnsafeValue("a number at a trunk")
    return quote(f"PJSIP/{number}@{trunk}", safe="/@")


def media(values: Iterable[str]) -> str:
    """One or more media URIs as ARI's comma-separated list."""
    uris = ",".join(values)
    for uri in uris.split(","):
        if _MEDIA(uri) is None:
            raise UnsafeValue("a media URI")
    return quote(uris, safe=":/,")


def arguments(values: Iterable[str]) -> str:
    """Stasis arguments as ARI's comma-separated list."""
    items = list(values)
    for item in items:
        if _ARGUMENT(item) is None:
            raise UnsafeValue("a Stasis argument")
    return quote(",".join(items), safe=",:/")


def digits(value: str) -> str:
    """DTMF to send."""
    if _DIGITS(value) is None:
        raise UnsafeValue("DTMF digits")
    return quote(value)


def caller_id(name: str, number: str) -> str:
    """`"name" <number>` for originate; the name loses what would end the quotes."""
    if _NUMBER(number) is None:
        raise UnsafeValue("a caller number")
    clean = text(name).translate({ord(mark): None for mark in '"<>\\'})
    return quote(f'"{clean}" <{number}>', safe="")


def text(value: str) -> str:
    """A stored value: any text on one line, at most 4,096 characters."""
    if len(value) > 4096 or _CONTROL(value) is not None:
        raise UnsafeValue("a value")
    return value


def variable(name: str) -> str:
    """A variable's name, or one of the few functions that may be written."""
    if _VARIABLE(name) is None:
        raise UnsafeValue("a variable name")
    return name


def variables(values: Mapping[str, str]) -> dict[str, str]:
    """Checked variables, ready to be encoded."""
    return {variable(name): text(value) for name, value in values.items()}
