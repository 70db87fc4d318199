"""Commands whose outcome is unknown: nobody is hung up on for them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.engine.routing import CurrentDirectory
from m3voip.providers.asterisk.ari.errors import AriDisconnected, AriError, AriNotSent, AriTimeout
from m3voip.providers.asterisk.ari.pending import OnError
from m3voip.providers.asterisk.ari.request import Request
from m3voip.providers.asterisk.telephony import AsteriskTelephony

pytestmark = pytest.mark.unit

NOW = datetime(2026, 11, 23, tzinfo=UTC)


class Client:
    """An ARI client on which every request fails in one way."""

    connected = True

    def __init__(self, error: AriError) -> None:
        self._error = error
        self.restarts: list[str] = []
        self.heard: list[ev.Event] = []

    def submit(self, request: Request[object], on_error: OnError) -> None:
        on_error(self._error)

    def restart(self, reason: str) -> None:
        self.restarts.append(reason)


def telephony(client: Client) -> AsteriskTelephony:
    return AsteriskTelephony(
        client=client,  # type: ignore[arg-type]  # what is used of it
        ami=client,  # type: ignore[arg-type]  # nothing is taken in hand here
        app="m3voip",
        names=CurrentDirectory(),
        deliver=lambda _, event: client.heard.append(event),
        now=lambda: NOW,
    )


@pytest.mark.parametrize("error", [AriTimeout("no answer to play"), AriDisconnected("cut"), AriNotSent("away")])
def test_a_command_whose_outcome_is_unknown_costs_no_caller_the_call(error: AriError) -> None:
    client = Client(error)
    telephony(client).perform(do.Play(leg="a.1", prompt="p", media=("prompt:x",)))
    assert client.heard == []


def test_a_request_without_an_answer_makes_us_look_anew_because_nobody_knows_what_asterisk_did() -> None:
    client = Client(AriTimeout("no answer to play"))
    telephony(client).perform(do.Play(leg="a.1", prompt="p", media=("prompt:x",)))
    assert client.restarts


@pytest.mark.parametrize("status", [404, 422])
def test_a_leg_that_is_gone_when_we_want_to_watch_it_has_ended(status: int) -> None:
    client = Client(AriError(status, "no such channel"))
    telephony(client).watch("a.1")
    (event,) = client.heard
    assert isinstance(event, ev.CommandFailed)
    assert event.gone
