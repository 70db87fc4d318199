"""The telephone line of a dialogue: say, play, ask, record. Every command has its own time, so a dead connection is noticed
and a person is never hurried. Raises AGIException when the caller hangs up."""

from __future__ import annotations

from m3voip.providers.asterisk.agi.boxes import PLAYING, PROMPTS, SPOOL, PhoneBoxes
from m3voip.providers.asterisk.agi.session import Session

KEYS = "0123456789*#"
_GRACE_S = 10.0
_LONGEST_SOUND_S = 3700.0
"""The longest message that a box may be set to take, and a little."""


class Line:
    """One conversation."""

    def __init__(self, session: Session, boxes: PhoneBoxes) -> None:
        self._session = session
        self._boxes = boxes

    def say(self, text: str, keys: str = "") -> str:
        """Speak; the key that ended it, "" if none did."""
        return self._play(f"{PROMPTS}/{self._boxes.spoken(text)}", keys)

    def play(self, name: str, keys: str = KEYS) -> str:
        """Play a file of the folder of what plays; the key that ended it."""
        return self._play(f"{SPOOL}/{PLAYING}/{name}", keys)

    def play_prompt(self, key: str) -> str:
        """Play a prompt; the key that ended it."""
        return self._play(f"{PROMPTS}/{key}", KEYS)

    def say_digits(self, digits: str) -> str:
        """One digit after the other; the key that ended it."""
        self._session.allow(_GRACE_S + len(digits))
        return self._key(self._session.execute("SAY DIGITS", digits, f'"{KEYS}"'))

    def say_time(self, epoch: int) -> str:
        """A date and time, in the machine's zone; the key that ended it."""
        self._session.allow(_GRACE_S * 2)
        return self._key(self._session.execute("SAY DATETIME", epoch, f'"{KEYS}"'))

    def key(self, seconds: float) -> str:
        """Wait for a key; "" when none came."""
        self._session.allow(seconds + _GRACE_S)
        return self._session.wait_for_digit(int(seconds * 1000))

    def ask(self, text: str, *, most: int) -> str:
        """Say something and take digits up to # ; "" when none came."""
        prompt = self._boxes.spoken(text)
        self._session.allow(60.0)
        return self._session.execute("GET DATA", f"{PROMPTS}/{prompt}", 6000, most)["result"][0]

    def record(self, name: str, seconds: int) -> None:
        """Beep and record into the folder of what plays, until a key, five silent seconds or the time is over."""
        self._session.allow(seconds + _GRACE_S)
        path = f"{SPOOL}/{PLAYING}/{name}"
        self._session.execute("RECORD FILE", path, "wav", '"#"', seconds * 1000, 0, "BEEP", "s=5")

    def _play(self, path: str, keys: str) -> str:
        self._session.allow(_LONGEST_SOUND_S)
        return self._key(self._session.execute("STREAM FILE", path, f'"{keys}"'))

    def _key(self, answer: dict[str, tuple[str, str]]) -> str:
        code = answer["result"][0]
        return chr(int(code)) if code not in ("", "0") else ""
