"""The same parts in containers (docker/compose.yaml): what the bare-metal supervisor does, as steps that end.

Law: no step of its own; each calls what the supervisor calls. Ports are remembered and never probed again, because the
containers that hold them may be running.
"""

from __future__ import annotations

import os

from m3voip.stack import database, ports, postgres
from m3voip.stack.paths import Folders
from m3voip.stack.preparation import Prepared, configure_asterisk
from m3voip.stack.preparation import prepare as prepare_instance


def prepare(folders: Folders) -> Prepared:
    """First: folders, ports, secrets, certificates, settings.env, /etc/asterisk, and Postgres' files."""
    known = ports.remembered(folders.ports_file)
    prepared = prepare_instance(
        folders, held=[name for held in ports.HOLDERS.values() for name in held] if known else []
    )
    configure_asterisk(folders, prepared)
    postgres.prepare(folders)
    return prepared


def run_postgres(folders: Folders) -> None:
    """Become Postgres; does not return."""
    known = ports.remembered(folders.ports_file)
    assert known is not None, "run `m3voip container prepare` first"
    spec = postgres.spec(folders, known, die_with_parent=False)
    words = [*spec.wrapper, *spec.program]
    os.execvpe(words[0], words, dict(spec.environ))  # noqa: S606  # no shell is wanted


async def fill_database(folders: Folders) -> None:
    """After Postgres: roles, schema, and at the first start the sample office."""
    await database.fill(folders, prepare(folders), seeded=True)
