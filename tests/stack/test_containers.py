"""docker/ against the project: an engine is not needed to see that the Compose file names what exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from m3voip.stack import container, paths, ports
from m3voip.stack.paths import Folders

CHECKOUT = paths.locate().checkout
DOCKER = CHECKOUT / "docker"

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    return loaded


def test_every_image_is_built_from_a_dockerfile_that_exists(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        build = service["build"]
        assert (DOCKER / build["context"]).resolve() == CHECKOUT, name
        assert (CHECKOUT / build["dockerfile"]).is_file(), name


def test_every_command_is_one_of_the_command_line(compose: dict[str, Any]) -> None:
    commands = [service["command"] for name, service in compose["services"].items() if name != "asterisk"]
    assert len(commands) == 5
    for words in commands:
        done = subprocess.run(
            [sys.executable, "-m", "m3voip", *words, "--help"], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr


def test_dependencies_and_volumes_are_declared(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert set(service.get("depends_on", {})) <= set(compose["services"]), name
        for volume in service["volumes"]:
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            assert source in compose["volumes"], name


def test_no_container_gets_a_privilege_or_a_secret_from_the_file(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["read_only"] is True, name
        assert "privileged" not in service, name
        assert not [key for key in service.get("environment", {}) if re.search("PASSWORD|SECRET|KEY", key)], name


def test_audio_goes_through_no_port_mapping_of_an_engine(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["network_mode"] == "host", name
        assert "ports" not in service, name


def test_asterisk_sees_nothing_of_the_instance_but_its_own_folders(compose: dict[str, Any]) -> None:
    seen = [volume["volume"]["subpath"] for volume in compose["services"]["asterisk"]["volumes"]]
    assert seen == ["main/asterisk", "main/service/prompts"]


def test_whatever_a_dockerfile_copies_exists_and_is_in_the_build_context() -> None:
    let_in = {line[1:] for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for file in DOCKER.glob("*.Dockerfile"):
        for line in file.read_text().splitlines():
            if line.startswith("COPY "):
                for source in shlex.split(line)[1:-1]:
                    assert (CHECKOUT / source).exists(), f"{file.name}: {source}"
                    assert source in let_in or source.split("/")[0] in let_in, f"{file.name}: {source}"


def test_the_folders_that_asterisks_image_links_to_are_the_instances(tmp_path: Path) -> None:
    text = (DOCKER / "asterisk.Dockerfile").read_text()
    links = dict(re.findall(r"ln -s /var/lib/m3voip/main/(\S+) (\S+)", text))
    folders = _instance(tmp_path)
    wanted = {
        folders.asterisk_etc: "/etc/asterisk", folders.asterisk_lib: "/var/lib/asterisk",
        folders.asterisk_spool: "/var/spool/asterisk", folders.asterisk_log: "/var/log/asterisk",
        folders.asterisk_run: "/run/asterisk", folders.prompts: "/prompts",
    }  # fmt: skip
    assert links == {str(path.relative_to(folders.base)): place for path, place in wanted.items()}


def test_preparing_again_beside_running_containers_changes_nothing_that_they_were_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m3voip.stack.postgres.prepare", lambda _: None)
    folders = _instance(tmp_path)
    first = container.prepare(folders)
    monkeypatch.setattr(ports, "is_free", lambda *_: False)  # all of them are held by the containers
    assert container.prepare(folders) == first


def _instance(home: Path) -> Folders:
    return paths.locate("main", {"M3VOIP_HOME": str(home)})
