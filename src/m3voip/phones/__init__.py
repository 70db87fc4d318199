"""Simulated phones and callers: for the tests, and for ``make demo``. They speak real SIP and RTP to a real Asterisk
and know nothing of the service.

``Softphone`` is ours, light, for many scripted agents and callers; ``baresip`` is the independent TLS+SRTP phone;
``sipp`` runs load scenarios; ``demo`` fills a whole call centre."""

from m3voip.phones.behaviour import Answer, Behaviour, Decline, NeverAnswer, Vanish
from m3voip.phones.call import Call
from m3voip.phones.errors import CallRefusedError, PhoneError, PhoneTimeoutError, RegistrationRefusedError, SipError
from m3voip.phones.facts import CallEnd, CallState, Moment
from m3voip.phones.incoming import IncomingCall
from m3voip.phones.media.ticker import Ticker
from m3voip.phones.outgoing import OutgoingCall
from m3voip.phones.softphone import Softphone

__all__ = [
    "Answer",
    "Behaviour",
    "Call",
    "CallEnd",
    "CallRefusedError",
    "CallState",
    "Decline",
    "IncomingCall",
    "Moment",
    "NeverAnswer",
    "OutgoingCall",
    "PhoneError",
    "PhoneTimeoutError",
    "RegistrationRefusedError",
    "SipError",
    "Softphone",
    "Ticker",
    "Vanish",
]
