"""The FastAGI server: one thread a conversation, a bounded number of them, each with a second.

Law: whatever happens in a conversation, the dialplan goes on: an answer is missing, never late. A caller that finds
every place taken is let through without an answer. Dialogues with a person (the menu of a mailbox) have fewer places of
their own, so that they never take those of callers.
"""

from __future__ import annotations

import socket
import socketserver
import sys
import threading
from collections.abc import Callable
from typing import Any

import structlog
from asterisk.agi import AGIException

from m3voip.core.errors import M3voipError
from m3voip.providers.asterisk.agi.answers import AnswersAway, FloorAnswers
from m3voip.providers.asterisk.agi.boxes import PhoneBoxes
from m3voip.providers.asterisk.agi.questions import BOX_QUESTIONS, DIALOGUES, QUESTIONS
from m3voip.providers.asterisk.agi.session import Session

_log = structlog.get_logger(__name__)

BUDGET_S = 1.0


class AgiServer(socketserver.ThreadingTCPServer):
    """Serve with `serve_forever`; `shutdown` from another thread ends it. `most` conversations at once."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, host: str, port: int, answers: FloorAnswers, boxes: PhoneBoxes | None = None, *, most: int = 64
    ) -> None:
        self._answers = answers
        self._boxes = boxes
        self._places = threading.BoundedSemaphore(most)
        self._dialogues = threading.BoundedSemaphore(max(1, most // 2))
        self._away = False
        super().__init__((host, port), _Conversation)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start a thread for the conversation if there is a place for it."""
        if not self._places.acquire(blocking=False):
            _log.warning("agi.full", action="the caller goes on without an answer")
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """The conversation's thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002  # socketserver's signature
        """A bug in an answer: the caller goes on without one."""
        _log.error("agi.failed", exc_info=sys.exc_info())

    def answer(self, connection: socket.socket) -> None:
        """Hold one conversation."""
        try:
            session = Session(connection, budget_s=BUDGET_S)
            answer = self._answer_to(session)
            if answer is None:
                session.verbose("m3voip: no such question", 1)
                return
            try:
                answer()
                self._note(away=False)
            except AnswersAway as error:
                self._note(away=True, why=str(error))
                session.verbose("m3voip: no answer, going on without", 1)
        except (AGIException, OSError):  # TimeoutError is an OSError
            return  # the caller or Asterisk is gone, or the budget is spent: nobody waits for an answer

    def _answer_to(self, session: Session) -> Callable[[], None] | None:
        script, boxes = session.script, self._boxes
        if script in QUESTIONS:
            return lambda: QUESTIONS[script](session, self._answers)
        if boxes is None:
            return None
        if script in BOX_QUESTIONS:
            return lambda: BOX_QUESTIONS[script](session, boxes)
        return (lambda: self._hold(session, boxes)) if script in DIALOGUES else None

    def _hold(self, session: Session, boxes: PhoneBoxes) -> None:
        """A dialogue, if there is a place for it; else, and when something breaks, the dialplan says that it does not work."""
        if not self._dialogues.acquire(blocking=False):
            _log.warning("agi.dialogues_full", action="the agent hears that it does not work now")
            raise AGIException("no place")
        try:
            DIALOGUES[session.script](session, boxes)
            session.allow(BUDGET_S)
            session.set("M3_DONE", "yes")
        except M3voipError as error:
            _log.warning("agi.dialogue_broken", why=str(error), action="the agent hears that it does not work now")
            raise AGIException("broken") from error
        finally:
            self._dialogues.release()

    def _note(self, *, away: bool, why: str = "") -> None:
        """Log when the answers go away and come back, not once a caller."""
        if away != self._away:
            self._away = away
            if away:
                _log.warning("agi.answers_away", why=why, action="callers go by the dialplan's own file")
            else:
                _log.info("agi.answers_back")


class _Conversation(socketserver.BaseRequestHandler):
    server: AgiServer

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.server.answer(self.request)
