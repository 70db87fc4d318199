"""What queues say is rendered like the prompts of trees; what cannot be is left out, and the rest stays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace

from m3voip.config import DEFAULT_TENANT
from m3voip.core.office import Announcement, Office
from m3voip.engine.announcements import Announcements
from m3voip.providers.asterisk.provision import from_office
from m3voip.providers.speech import sound
from m3voip.providers.speech.flite import Flite
from m3voip.providers.speech.library import PromptLibrary
from tests.engine.test_directory import queue

pytestmark = pytest.mark.unit


async def test_texts_and_files_become_prompts_that_lie_there_before_the_queue_names_them(tmp_path: Path) -> None:
    recordings, prompts = tmp_path / "recordings", tmp_path / "prompts"
    recordings.mkdir()
    soundfile.write(recordings / "tone.wav", 0.3 * np.sin(np.arange(8000) * 0.4), 8000)
    announcements = Announcements(PromptLibrary(engine=Flite(), folder=prompts, recordings=recordings))
    speaking = replace(
        queue("sales"),
        agent_announcement=Announcement(text="Sales call."),
        join_announcement=Announcement(file="missing.wav"),
        periodic_announcements=(Announcement(text="Please hold on."), Announcement(file="tone.wav")),
    )
    silent = queue("support")
    office = await announcements.render(Office(queues=(speaking, silent)))
    made, other = from_office.provisioning(office, DEFAULT_TENANT).queues
    assert made.join_announcement == ""
    assert len(made.periodic_announcements) == 2
    for key in (made.agent_announcement, *made.periodic_announcements):
        assert sound.complete(prompts, key)
    assert (other.agent_announcement, other.periodic_announcements) == ("", ())
    assert await announcements.render(Office(queues=(silent,))) == Office(queues=(silent,))
