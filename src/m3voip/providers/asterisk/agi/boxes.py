"""What the AGI process has of mailboxes: the store behind them, and sounds where Asterisk can play them.

Law: a sound is named by what it is made from, or by chance; never by anything that a caller or an agent typed. Prompts stay
for the next caller; a message's sound is there only while its owner listens.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import structlog

from m3voip.core.errors import ProviderError
from m3voip.ivr.model import DEFAULT_VOICE
from m3voip.ivr.prompts import key_of
from m3voip.ports import Boxes, BoxMessage, BoxSeen
from m3voip.providers.speech import sound
from m3voip.providers.speech.engine import SpeechEngine

log = structlog.get_logger()

PROMPTS = "/prompts"
SPOOL = "/var/spool/asterisk"
PLAYING = "playing"
"""The two folders, and the one inside the spool, as Asterisk sees them."""


class PhoneBoxes:
    """``prompts`` and ``spool`` are Asterisk's folders as this process sees them."""

    def __init__(self, store: Boxes, engine: SpeechEngine, *, prompts: Path, spool: Path) -> None:
        self.store = store
        self._engine = engine
        self._prompts = prompts
        self._playing = spool / PLAYING
        self._rendering = threading.Lock()
        self._prepared = False
        self._playing.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._playing.iterdir():  # by a process that was killed
            left.unlink(missing_ok=True)

    def greeting(self, box: BoxSeen) -> str:
        """The prompt that callers of the box hear, "" for the standard one; also when ours cannot be made."""
        try:
            if box.greeting:
                key = key_of("greeting", str(sound.RECIPE), box.greeting)
                if not sound.complete(self._prompts, key):
                    sound.store(sound.load_bytes(self.store.greeting(box)), self._prompts, key)
                return key
            return self.spoken(box.text) if box.text else ""
        except ProviderError as error:
            log.warning("greeting.not_made", why=str(error), action="callers hear the standard greeting")
            return ""

    def prepare(self, texts: Sequence[str]) -> None:
        """Make these in the background, once: whoever opens a mailbox shall not wait for each in turn."""
        if not self._prepared:
            self._prepared = True
            threading.Thread(target=self._prepare, args=(texts,), name="agi prompts", daemon=True).start()

    def _prepare(self, texts: Sequence[str]) -> None:
        try:
            for text in texts:
                self.spoken(text)
        except ProviderError as error:
            log.warning("prompt.not_made", why=str(error), action="it is tried again when it is needed")

    def spoken(self, text: str) -> str:
        """The prompt of a text, made if it is not there. Raises ProviderError."""
        key = key_of("text", f"{self._engine.name}/{sound.RECIPE}", DEFAULT_VOICE, text)
        if sound.complete(self._prompts, key):
            return key
        with self._rendering, tempfile.TemporaryDirectory(prefix="m3voip-speech-") as scratch:
            if sound.complete(self._prompts, key):  # meanwhile
                return key
            spoken = Path(scratch) / "spoken.wav"
            self._engine.speak(text, DEFAULT_VOICE, spoken)
            sound.store(sound.tidy(sound.load(spoken)), self._prompts, key)
        return key

    def message(self, message: BoxMessage) -> str:
        """A message's sound as a file to play; ``done`` takes it away. Raises KeyError, ProviderError."""
        name = f"{message.id}-{os.urandom(4).hex()}"
        sound.to_wav(self.store.sound(message), self._playing / f"{name}.wav")
        return name

    def done(self, name: str) -> None:
        """Nobody listens any more."""
        (self._playing / f"{name}.wav").unlink(missing_ok=True)

    def fresh(self) -> str:
        """A name for something to be recorded in the folder of what plays."""
        return f"new-{os.urandom(8).hex()}"

    def take_greeting(self, box: BoxSeen, name: str) -> bool:
        """Make what was recorded under this name the box's greeting; False when nothing was said."""
        try:
            samples = sound.tidy(sound.load(self._playing / f"{name}.wav"))
        except ProviderError:
            return False
        finally:
            self.done(name)
        if not sound.is_audible(samples):
            return False
        audio = sound.flac(samples)
        self.store.set_greeting(box, audio, round(len(samples) / sound.RATE, 3))
        log.info("greeting.recorded", sha256=sha256(audio).hexdigest()[:12])
        return True
