"""``http``: ask the CRM something within a budget. Only paths under the CRM's configured origin; no other address.

The command's ``url`` is that path, its ``body`` the parameters: the JSON body of a POST, the query of a GET.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Annotated, Literal

from msgspec import Meta, field

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Call, Step
from m3voip.core.ids import step_id
from m3voip.ivr.node import Node, Secret, Turn, arrive, too_early
from m3voip.ivr.prompts import PromptBook, value_of
from m3voip.ivr.template import fill, named
from m3voip.ivr.verbs import fields
from m3voip.ivr.verbs.base import Exit, Fill, Report, Verb
from m3voip.ivr.verbs.set import MAX_VALUE, check_variable

GRACE = timedelta(seconds=1)
"""Added to the budget: should the answer itself be lost, the caller still goes on."""

PATH = re.compile(r"/[A-Za-z0-9._~/?&=+,:@{}-]*")
DOTTED = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,7}")
_NOT_IN_PATH = re.compile(r"[^A-Za-z0-9_-]")
_LOST = "sensitive digits are not kept over a restart"


class Http(Verb, frozen=True, kw_only=True):
    """Ask the CRM something."""

    VERB = "http"

    path: Annotated[
        str, Meta(description="Path under the CRM's address, e.g. /v1/ivr/account; {variable} is filled in.")
    ]
    method: Annotated[Literal["GET", "POST"], Meta(description="POST sends body as JSON, GET as the query.")] = "POST"
    body: Annotated[dict[str, fields.Value], Meta(description="Name → text sent; {variable} is filled in.")] = field(
        default_factory=dict
    )
    extract: Annotated[dict[str, str], Meta(description="Variable → dotted path in the reply, e.g. data.balance.")] = (
        field(default_factory=dict)
    )
    timeout_ms: fields.Budget = 2000
    on_ok: fields.Target = ""
    on_error: fields.OnError = ""

    def exits(self) -> tuple[Exit, ...]:
        """Answered or not."""
        return Exit("ok", self.on_ok, "on_ok"), Exit("error", self.on_error, "on_error")

    def fills(self) -> Iterator[Fill]:
        """Path and body. Only the body of a POST is private: paths and queries are logged everywhere."""
        yield Fill(("path",), self.path)
        for name, text in self.body.items():
            yield Fill(("body", name), text, private=self.method == "POST")

    def sets(self) -> tuple[str, ...]:
        """The values taken from the reply."""
        return tuple(self.extract)

    def label(self) -> str:
        """Method and path."""
        return f"{self.method} {self.path}"

    def check(self, report: Report) -> None:
        """A path that stays under the CRM's address, names that are allowed."""
        if not PATH.fullmatch(self.path) or "//" in self.path or ".." in self.path:
            advice = "write a path like /v1/ivr/account, without a host"
            report("bad-path", f"'{self.path}' is not a plain path under the CRM's address", advice, "path")
        for name, dotted in self.extract.items():
            check_variable(report, name, "extract", name)
            if not DOTTED.fullmatch(dotted):
                advice = "write names with dots between, like data.balance"
                report("bad-path", f"'{dotted}' is not a place in a reply", advice, "extract", name)

    def compile(self, name: str, book: PromptBook) -> Node:
        """The node."""
        used = {variable for fill_ in self.fills() for variable in named(fill_.text)}
        return HttpNode(name, self, frozenset(used & book.sensitive))


class HttpNode(Node):
    """Asks, waits, and goes one of two ways. A late answer to an earlier question changes nothing."""

    __slots__ = ("_budget", "_sensitive", "_spec")
    verb = Http.VERB

    def __init__(self, name: str, spec: Http, sensitive: frozenset[str]) -> None:
        super().__init__(name)
        self._spec = spec
        self._sensitive = sensitive
        self._budget = timedelta(milliseconds=spec.timeout_ms) + GRACE

    def enter(self, step: Step, turn: Turn) -> Step:
        """Ask. Without the sensitive digits that it should send, the question makes no sense."""
        step = arrive(step, turn, self)
        if self._sensitive and (turn.secret is None or turn.secret.variable not in self._sensitive):
            return self._failed(step, turn, _LOST)
        call, spec = step.call, self._spec
        request = step_id(call.id, call.seq, "r")
        in_path, in_body = partial(_path_value, call), partial(_body_value, call, turn.secret)
        ask = do.AskCrm(
            leg=call.leg,
            request=request,
            method=spec.method,
            url=fill(spec.path, in_path),
            body={name: fill(text, in_body) for name, text in spec.body.items()},
            extract=spec.extract,
            timeout_ms=spec.timeout_ms,
        )
        return step.do(ask).cursor(request=request).wait(turn.now + self._budget)

    def answer(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        """The CRM answered, failed, or was not heard of."""
        match event:
            case ev.CrmAnswered(request=request) if request == step.call.cursor.request:
                return self._answered(step, event, turn)
            case ev.CrmFailed(request=request) if request == step.call.cursor.request:
                return self._failed(step, turn, event.why)
            case ev.TimeUp() if not too_early(step, turn):
                return self._failed(step, turn, "no answer in time")
            case _:
                return step

    def _answered(self, step: Step, event: ev.CrmAnswered, turn: Turn) -> Step:
        step = step.note(turn.at, f.CrmAsked(node=self.name, status=event.status)).wait(None)
        if not 200 <= event.status < 300:
            return turn.go(step, self._spec.on_error)
        values = {name: event.values.get(name, "")[:MAX_VALUE] for name in self._spec.extract}
        if values:
            step = step.note(turn.at, f.VariableSet(node=self.name, values=values))
        return turn.go(step, self._spec.on_ok)

    def _failed(self, step: Step, turn: Turn, why: str) -> Step:
        step = step.note(turn.at, f.CrmAsked(node=self.name, status=0, why=why)).wait(None)
        return turn.go(step, self._spec.on_error)


def _path_value(call: Call, variable: str) -> str:
    """A value fit for a path: letters, digits, - and _ only, so it can neither climb nor add parameters."""
    return _NOT_IN_PATH.sub("", value_of(call, variable))


def _body_value(call: Call, secret: Secret | None, variable: str) -> str:
    """A value for the body; sensitive digits are in no variable, so they come by the side."""
    return secret.digits if secret is not None and variable == secret.variable else value_of(call, variable)
