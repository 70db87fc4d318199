"""The wiring of ``m3voip agi``: the answers, and the mailboxes behind the phones' menu."""

from __future__ import annotations

import structlog

from m3voip.config import Settings
from m3voip.core.errors import ProviderError
from m3voip.providers.asterisk.agi.answers import PostgresAnswers
from m3voip.providers.asterisk.agi.boxes import PhoneBoxes
from m3voip.providers.asterisk.agi.serve import serve
from m3voip.providers.speech.flite import Flite
from m3voip.storage.postgres.boxes import PostgresBoxes
from m3voip.storage.vault.folder import FolderVault

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Answer until told to stop. Without a voice there is no menu and no box is asked for; the floor's answers work."""
    answers = PostgresAnswers(settings.engine_dsn.get_secret_value(), settings.tenant_id)
    serve(settings, answers, _boxes(settings, answers))


def _boxes(settings: Settings, answers: PostgresAnswers) -> PhoneBoxes | None:
    try:
        engine = Flite()
    except ProviderError as error:
        log.warning("agi.no_voice", why=str(error), action="mailboxes play the standard greeting, *97 does not work")
        return None
    pepper = settings.key_pepper.get_secret_value().encode()
    store = PostgresBoxes(answers.run, FolderVault(settings.vault_dir), settings.tenant_id, pepper)
    return PhoneBoxes(store, engine, prompts=settings.prompts_dir, spool=settings.asterisk_spool)
