"""A mailbox by telephone: hear, keep, delete, forward; record the greeting.

The keys are those of app_voicemail, which many fingers know: 4 the message before, 5 again, 6 the next, 7 delete or restore,
8 forward, 3 who and when, 0 greeting, * the keys, # the end. A message counts as heard when it was played to its end or the
owner pressed a key; who hangs up in the middle finds it new.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from m3voip.core.phone import digits
from m3voip.ports import BoxMessage, BoxSeen
from m3voip.providers.asterisk.agi.boxes import PhoneBoxes
from m3voip.providers.asterisk.agi.line import KEYS, Line

WAIT_S = 8.0
PATIENCE = 3
"""So often in a row the keys are said, to whoever presses none or none of them, before we say goodbye."""
GREETING_S = 120

MESSAGE_KEYS = (
    "To hear it again press 5. For the next message press 6, for the one before press 4. To delete it press 7. "
    "To forward it press 8. For the caller and the time press 3. To change your greeting press 0. To end press pound."
)
MAIN_KEYS = "To hear your messages press 1. To change your greeting press 0. To end press pound."
GREETING_KEYS = "To record your greeting press 1. To hear it press 2. To remove it press 3. To go back press star."
ASK_BOX = "Please type the number of the other mailbox, then pound."
SAID_OFTEN = (
    MESSAGE_KEYS, "New message 1 of 1.", MAIN_KEYS, ASK_BOX, GREETING_KEYS, "Deleted. To take that back press 7.", "Forwarded.",
    "There are no more messages.", "After the tone say your greeting, then press pound.", "Your greeting is saved.", "Goodbye.",
)  # fmt: skip


class BoxMenu:
    """One visit. The list of messages is the one at its beginning; each is looked up again when it is played or changed, for
    the API may have been faster."""

    def __init__(self, line: Line, boxes: PhoneBoxes, box: BoxSeen) -> None:
        self._line = line
        self._boxes = boxes
        self._box = box
        self._messages: list[BoxMessage] = []
        self._at = 0
        self._deleted: set[int] = set()
        self._keys: Mapping[str, Callable[[], str]] = {
            "3": self._envelope, "4": lambda: self._move(-1), "5": self._hear, "6": lambda: self._move(1),
            "7": self._delete, "8": self._forward, "0": self._greeting,
        }  # fmt: skip

    def run(self) -> None:
        """Until the end is asked for, or nobody presses anything any more."""
        self._boxes.prepare(SAID_OFTEN)
        self._messages = list(self._boxes.store.messages(self._box))
        new = sum(not message.heard for message in self._messages)
        pressed = self._line.say(_summary(new, len(self._messages) - new), KEYS)
        if not pressed and self._messages:
            pressed = self._hear()
        patience = PATIENCE
        while pressed != "#" and patience:
            if pressed in self._keys and (self._messages or pressed == "0"):
                patience = PATIENCE
                pressed = self._keys[pressed]()
                continue
            if pressed == "1" and self._messages:
                self._at = 0
                pressed = self._hear()
                continue
            patience -= 1
            pressed = self._say_and_wait(MESSAGE_KEYS if self._messages else MAIN_KEYS)
        self._line.say("Goodbye.")

    def _say_and_wait(self, text: str) -> str:
        return self._line.say(text, KEYS) or self._line.key(WAIT_S)

    def _hear(self) -> str:
        """Play the present message."""
        message = self._messages[self._at]
        kind = "New message" if not message.heard else "Message"
        pressed = self._line.say(f"{kind} {self._at + 1} of {len(self._messages)}.", KEYS)
        if pressed:
            return pressed
        try:
            name = self._boxes.message(message)
        except KeyError:
            return self._gone()
        try:
            pressed = self._line.play(name)
        finally:
            self._boxes.done(name)
        if self._at not in self._deleted and not self._boxes.store.change(self._box, message.id, "read"):
            return self._gone()
        return pressed

    def _gone(self) -> str:
        return self._line.say("This message has been deleted.", KEYS)

    def _move(self, by: int) -> str:
        to = self._at + by
        if not 0 <= to < len(self._messages):
            return self._line.say("There are no more messages.", KEYS)
        self._at = to
        return self._hear()

    def _delete(self) -> str:
        message = self._messages[self._at]
        if self._at in self._deleted:
            self._boxes.store.change(self._box, message.id, "restored")
            self._deleted.discard(self._at)
            return self._line.say("The message is back.", KEYS)
        if not self._boxes.store.change(self._box, message.id, "deleted"):
            return self._gone()
        self._deleted.add(self._at)
        return self._line.say("Deleted. To take that back press 7.", KEYS)

    def _forward(self) -> str:
        to_box = self._line.ask(ASK_BOX, most=10)
        if not to_box:
            return ""
        if self._boxes.store.forward(self._box, self._messages[self._at].id, to_box):
            return self._line.say("Forwarded.", KEYS)
        return self._line.say("That mailbox cannot take it.", KEYS)

    def _envelope(self) -> str:
        message = self._messages[self._at]
        caller = digits(message.caller)
        pressed = self._line.say_digits(caller) if caller else self._line.say("The number is not known.", KEYS)
        return pressed or self._line.say_time(int(message.left_at.timestamp()))

    def _greeting(self) -> str:
        """What callers hear."""
        for _ in range(PATIENCE):
            match self._say_and_wait(GREETING_KEYS):
                case "1":
                    name = self._boxes.fresh()
                    self._line.say("After the tone say your greeting, then press pound.")
                    self._line.record(name, GREETING_S)
                    taken = self._boxes.take_greeting(self._box, name)
                    self._line.say("Your greeting is saved." if taken else "Nothing was recorded.")
                case "2":
                    self._play_greeting()
                case "3":
                    self._boxes.store.set_greeting(self._box, None, 0.0)
                    self._line.say("Your greeting is removed.")
                case "#":
                    return "#"
                case "*":
                    return ""
                case _:
                    pass
        return ""

    def _play_greeting(self) -> None:
        now = self._boxes.store.seen(self._box.name)
        key = self._boxes.greeting(now) if now else ""
        if key:
            self._line.play_prompt(key)
        else:
            self._line.say("Callers hear the standard greeting.")


def _summary(new: int, old: int) -> str:
    """``You have 2 new messages and 1 old message.``"""
    if not new and not old:
        return "You have no messages."
    parts = [f"{n} {kind} message{'' if n == 1 else 's'}" for n, kind in ((new, "new"), (old, "old")) if n]
    return f"You have {' and '.join(parts)}."
