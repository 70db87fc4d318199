from pathlib import Path

import pytest

from m3voip.stack import render
from m3voip.stack.errors import StackError

pytestmark = pytest.mark.unit


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    (root / "asterisk" / "etc").mkdir(parents=True)
    (root / "dialplans").mkdir()
    (root / "asterisk" / "etc" / "manager.conf").write_text("[general]\nport = @@AMI_PORT@@\nsecret=@@AMI_SECRET@@\n")
    (root / "dialplans" / "from-trunk.conf").write_text("[from-trunk]\n")
    return root


VALUES = {"AMI_PORT": "5038", "AMI_SECRET": "not-a-real-one-but-long"}


def test_placeholders_are_filled_and_the_result_is_private(checkout: Path, tmp_path: Path) -> None:
    render.render(checkout, tmp_path / "etc", VALUES)
    written = tmp_path / "etc" / "manager.conf"
    assert written.read_text() == "[general]\nport = 5038\nsecret=not-a-real-one-but-long\n"
    assert written.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc" / "dialplans" / "from-trunk.conf").exists()


def test_an_unknown_placeholder_is_refused_by_file_and_line_and_nothing_is_written(
    checkout: Path, tmp_path: Path
) -> None:
    (checkout / "dialplans" / "typo.conf").write_text("[a]\n\nexten => 1,1,Dial(@@AMI_PROT@@)\n")
    with pytest.raises(StackError, match=r"dialplans/typo\.conf:3: unknown placeholder @@AMI_PROT@@"):
        render.render(checkout, tmp_path / "etc", VALUES)
    assert not (tmp_path / "etc").exists()


def test_a_value_cannot_add_a_line(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(StackError, match="line break"):
        render.render(checkout, tmp_path / "etc", VALUES | {"AMI_SECRET": "x\npermit=0.0.0.0/0"})


def test_a_file_that_left_the_checkout_leaves_asterisk_too_and_provisioning_stays(
    checkout: Path, tmp_path: Path
) -> None:
    etc = tmp_path / "etc"
    (etc / "generated").mkdir(parents=True)
    (etc / "generated" / "pjsip.conf").write_text("[e0123456789]\n")
    render.render(checkout, etc, VALUES)
    (checkout / "asterisk" / "etc" / "manager.conf").unlink()
    render.render(checkout, etc, VALUES)
    assert not (etc / "manager.conf").exists()
    assert (etc / "generated" / "pjsip.conf").exists()
