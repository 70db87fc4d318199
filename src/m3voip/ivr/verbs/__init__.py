"""The verbs. Adding one: its file, its line here, its story in ``tests/ivr`` (docs/howto/add-a-verb.md)."""

from __future__ import annotations

from m3voip.ivr.verbs.base import Verb
from m3voip.ivr.verbs.collect import Collect
from m3voip.ivr.verbs.conference import Conference
from m3voip.ivr.verbs.dial import Dial
from m3voip.ivr.verbs.goto import Goto
from m3voip.ivr.verbs.hangup import Hangup
from m3voip.ivr.verbs.hours import Hours
from m3voip.ivr.verbs.http import Http
from m3voip.ivr.verbs.menu import Menu
from m3voip.ivr.verbs.play import Play
from m3voip.ivr.verbs.queue import Queue
from m3voip.ivr.verbs.say import Say
from m3voip.ivr.verbs.set import Set
from m3voip.ivr.verbs.switch import Switch
from m3voip.ivr.verbs.voicemail import Voicemail

VERBS: dict[str, type[Verb]] = {
    "say": Say,
    "play": Play,
    "menu": Menu,
    "collect": Collect,
    "hours": Hours,
    "switch": Switch,
    "queue": Queue,
    "dial": Dial,
    "voicemail": Voicemail,
    "conference": Conference,
    "set": Set,
    "http": Http,
    "goto": Goto,
    "hangup": Hangup,
}
"""Verb → its settings."""
