import ctypes
import json
from pathlib import Path

import pytest

from m3voip.stack import secrets
from m3voip.stack.errors import StackError

pytestmark = pytest.mark.unit


def test_the_file_is_private_from_the_first_byte_on_and_stays_the_same(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = secrets.ensure(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert secrets.ensure(file) == first


def test_two_installations_have_nothing_in_common_and_every_secret_has_at_least_128_bits(tmp_path: Path) -> None:
    one, two = (_secret_texts(secrets.ensure(tmp_path / name)) for name in ("one", "two"))
    assert not set(one) & set(two)
    assert all(len(text) >= 32 for text in one)  # of an alphabet of 64: six bits each


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    secrets.ensure(file)
    file.chmod(0o640)
    with pytest.raises(StackError, match="chmod 600"):
        secrets.ensure(file)


def test_a_secret_that_an_older_version_did_not_know_is_added_and_the_others_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    before = secrets.ensure(file)
    known = json.loads(file.read_text())
    del known["link_secret"]
    file.write_text(json.dumps(known))
    after = secrets.ensure(file)
    assert after.link_secret != before.link_secret
    assert (after.ari_password, after.agents) == (before.ari_password, before.agents)


def test_no_secret_shows_in_a_traceback_or_a_log_of_the_object(tmp_path: Path) -> None:
    made = secrets.ensure(tmp_path / "secrets.json")
    shown = repr(made) + repr(made.agents)
    assert not [text for text in _secret_texts(made) if text in shown]


def test_the_hash_in_ari_conf_is_what_crypt_makes_of_the_ari_password(tmp_path: Path) -> None:
    made = secrets.ensure(tmp_path / "secrets.json")
    libcrypt = ctypes.CDLL("libcrypt.so.1")
    libcrypt.crypt.restype = ctypes.c_char_p
    setting = made.ari_password_crypt.rpartition("$")[0] + "$"
    assert made.ari_password not in made.ari_password_crypt
    assert libcrypt.crypt(made.ari_password.encode(), setting.encode()).decode() == made.ari_password_crypt


def test_a_hash_that_costs_milliseconds_at_every_request_is_replaced_and_the_password_stays(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    before = secrets.ensure(file)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"ari_password_crypt": "$6$salt$hash"}))
    after = secrets.ensure(file)
    assert after.ari_password == before.ari_password
    assert after.ari_password_crypt.startswith("$sha1$4$")


def _secret_texts(made: secrets.Secrets) -> list[str]:
    return [
        made.admin_key, made.key_pepper, made.link_secret, made.ari_password, made.ami_secret, made.owner_password,
        made.engine_password, made.api_password, *[agent.password for agent in made.agents],
    ]  # fmt: skip
