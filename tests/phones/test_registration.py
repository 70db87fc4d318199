"""A phone against a registrar of a few lines: challenge, refresh, refusal, silence."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator

import pytest

from m3voip.phones import RegistrationRefusedError, Softphone
from m3voip.phones.sip.message import Message, param, response_to
from m3voip.phones.sip.transaction import ServerTransaction, Transactions
from m3voip.phones.sip.transport import open_udp
from tests.support.eventually import eventually


class Registrar:
    """Knows one user, grants one second."""

    def __init__(self) -> None:
        self.bound: list[int] = []
        self.closed_for_good = False
        self.layer = Transactions(self._answer)

    def _answer(self, server: ServerTransaction) -> None:
        request = server.request
        if self.closed_for_good:
            server.reply(response_to(request, 403, "Forbidden", "tag"))
        elif self._right(request):
            expires = int(param(request.get("Contact"), "expires"))
            self.bound.append(expires)
            answer = response_to(request, 200, "OK", "tag")
            answer.headers.append(("Contact", request.get("Contact").replace("expires=60", "expires=1")))
            server.reply(answer)
        else:
            answer = response_to(request, 401, "Unauthorized", "tag")
            answer.headers.append(("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'))
            server.reply(answer)

    @staticmethod
    def _right(request: Message) -> bool:
        given = dict(re.findall(r'(\w+)="?([^",]+)', request.get("Authorization")))
        ha1 = hashlib.md5(b"anna:r:right").hexdigest()
        ha2 = hashlib.md5(f"REGISTER:{request.uri}".encode()).hexdigest()
        expected = f"{ha1}:n:00000001:{given.get('cnonce')}:auth:{ha2}"
        return given.get("response") == hashlib.md5(expected.encode()).hexdigest()


@pytest.fixture
async def registrar() -> AsyncIterator[Registrar]:
    made = Registrar()
    made.layer.attach(await open_udp(made.layer.receive, ("127.0.0.1", 0)))
    yield made
    made.layer.close()


def _phone(registrar: Registrar, password: str) -> Softphone:
    transport = registrar.layer._transport
    assert transport is not None
    return Softphone(*transport.local, username="anna", password=password)


async def test_a_registration_is_refreshed_until_it_is_taken_back(registrar: Registrar) -> None:
    async with _phone(registrar, "right") as phone:
        await phone.register(expires=60)
        assert phone.registration.active
        await eventually(lambda: phone.registration.refreshes >= 2, within=6)
    assert registrar.bound[0] == 60
    assert registrar.bound[-1] == 0
    made = len(registrar.bound)
    await asyncio.sleep(1.2)  # longer than a refresh
    assert len(registrar.bound) == made


async def test_a_wrong_password_is_challenged_once_and_then_given_up(registrar: Registrar) -> None:
    async with _phone(registrar, "wrong") as phone:
        with pytest.raises(RegistrationRefusedError, match="401 Unauthorized"):
            await phone.register()
        assert not phone.registration.active


async def test_a_refusal_of_a_refresh_is_kept_for_whoever_looks(registrar: Registrar) -> None:
    async with _phone(registrar, "right") as phone:
        await phone.register(expires=60)
        registrar.closed_for_good = True
        async with asyncio.timeout(3):
            assert (await phone.registration.until_lost()).status == 403
        assert not phone.registration.active
