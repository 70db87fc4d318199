"""How trunks are, from what Asterisk 22.10 prints and tells."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from m3voip.core.trunks import TrunkReached, TrunkRegistered
from m3voip.providers.asterisk import trunks
from m3voip.providers.asterisk.ami import events as ami

pytestmark = pytest.mark.unit

CONTACTS = """
  Contact:  <Aor/ContactUri..............................> <Hash....> <Status> <RTT(ms)..>
==========================================================================================

  Contact:  e8b16cba525/sip:e8b16cba525@127.0.0.1:56849    f22f4ed3d1 Avail         0.993
  Contact:  trunk-dead/sip:127.0.0.5:9                     84d76b4c34 Unavail        -nan
  Contact:  trunk-new/sip:127.0.0.8:5060                   84d76b4c35 NonQual        -nan
  Contact:  trunk-reg/sip:127.0.0.4:40552                  62409d0f8b Avail         0.726
  Contact:  trunk-tls/sip:127.0.0.7:9;transport=tls        a63e225933 Unavail        -nan
"""
REGISTRATIONS = """
 <Registration/ServerURI..............................>  <Auth....................>  <Status.......>
==========================================================================================

 trunk-reg/sip:127.0.0.4:40552                           trunk-reg                   Rejected          (exp. 293s)
 trunk-good/sip:127.0.0.8:5060                           trunk-good                  Registered        (exp. 240s)

Objects found: 2
"""


def test_what_is_printed_is_read_and_what_is_not_known_is_left_out() -> None:
    assert list(trunks.seen(CONTACTS, REGISTRATIONS)) == [
        TrunkReached(endpoint="trunk-dead", reachable=False),
        TrunkReached(endpoint="trunk-reg", reachable=True),
        TrunkReached(endpoint="trunk-tls", reachable=False),
        TrunkRegistered(endpoint="trunk-reg", registered=False),
        TrunkRegistered(endpoint="trunk-good", registered=True),
    ]
    assert list(trunks.seen("", "No objects found.\n")) == []


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (
            {"Event": "ContactStatus", "URI": "sip:127.0.0.5:9", "ContactStatus": "Unreachable", "AOR": "trunk-dead",
             "EndpointName": "trunk-dead"},
            TrunkReached(endpoint="trunk-dead", reachable=False),
        ),
        ({"Event": "ContactStatus", "ContactStatus": "NonQualified", "AOR": "trunk-dead"}, None),
        ({"Event": "ContactStatus", "ContactStatus": "Reachable", "AOR": "e8b16cba525"}, None),
        (
            {"Event": "Registry", "ChannelType": "PJSIP", "Username": "sip:acct1@127.0.0.4:40552",
             "Domain": "sip:127.0.0.4:40552", "Status": "Rejected"},
            TrunkRegistered(account="sip:acct1@127.0.0.4:40552", registered=False),
        ),
    ],
)  # fmt: skip
def test_what_is_told_is_read(message: dict[str, str], event: object) -> None:
    read = ami.read(ami.EVENTS, message)
    assert read is not None
    assert read.at(datetime.now(UTC))
    assert trunks.trunk_event(read) == event
