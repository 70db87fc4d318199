import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from m3voip.stack import certificates, paths
from m3voip.stack.paths import Folders

pytestmark = pytest.mark.unit


@pytest.fixture
def folders() -> Iterator[Folders]:
    with tempfile.TemporaryDirectory(prefix="m3-") as home:  # pytest's own paths are too long for unix sockets
        made = paths.locate("certificates", {"M3VOIP_HOME": home})
        made.make()
        yield made


def test_the_server_is_proved_by_our_authority_for_localhost_and_its_address(folders: Folders) -> None:
    certificates.ensure(folders, "192.0.2.10")
    keys = folders.asterisk_keys
    for option, value in (("-verify_ip", "192.0.2.10"), ("-verify_hostname", "localhost")):
        _openssl(
            "verify",
            "-purpose",
            "sslserver",
            option,
            value,
            "-CAfile",
            str(keys / "ca.crt"),
            str(keys / "asterisk.crt"),
        )


def test_private_keys_are_private_and_the_authoritys_is_not_where_asterisk_looks(folders: Folders) -> None:
    certificates.ensure(folders, "127.0.0.1")
    assert (folders.asterisk_keys / "asterisk.key").stat().st_mode & 0o777 == 0o600
    assert (folders.authority / "ca.key").stat().st_mode & 0o777 == 0o600
    assert not list(folders.asterisk_keys.glob("ca.key"))


def test_a_new_address_gets_a_new_certificate_from_the_same_authority(folders: Folders) -> None:
    certificates.ensure(folders, "127.0.0.1")
    before = _contents(folders)
    certificates.ensure(folders, "127.0.0.1")
    assert _contents(folders) == before
    certificates.ensure(folders, "192.0.2.10")
    after = _contents(folders)
    assert after["ca.crt"] == before["ca.crt"]
    assert after["asterisk.crt"] != before["asterisk.crt"]


def test_a_certificate_near_its_end_is_renewed(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "SERVER_DAYS", 29)
    certificates.ensure(folders, "127.0.0.1")
    before = _contents(folders)
    monkeypatch.undo()
    certificates.ensure(folders, "127.0.0.1")
    after = _contents(folders)
    assert after["asterisk.crt"] != before["asterisk.crt"]
    assert after["ca.crt"] == before["ca.crt"]


def _contents(folders: Folders) -> dict[str, str]:
    return {path.name: path.read_text() for path in folders.asterisk_keys.iterdir()}


def _openssl(*words: str) -> None:
    done = subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
