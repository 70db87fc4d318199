"""A route as a call follows it (``core.call.Flow``): decide, ask what has to be asked, ring the preferred agent, lead on.

Theory of operation: the decision needs no event unless a rule asks the CRM. Then the call waits at the node ``ask-crm``,
for the CRM's budget at most, and the rules are looked at again with its answer or without. A rule that prefers an agent
has them looked for (node ``find-agent``) and rings them (node ``preferred``). Then the call enters the tree of its target
(every queue, mailbox and agent has one, made in engine.places), which from there on answers for it: recovery finds the call
in that tree. What was decided is in the facts, so a crash at any of these nodes costs the caller the node's wait at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from re import fullmatch
from uuid import UUID

from msgspec import UNSET, UnsetType

from m3voip.core import commands as do
from m3voip.core import events as ev
from m3voip.core import facts as f
from m3voip.core.call import Call, Step
from m3voip.core.causes import CALL_REJECTED, EndReason
from m3voip.core.ids import step_id
from m3voip.core.phone import digits
from m3voip.ivr.node import Turn, too_early
from m3voip.ivr.verbs.dial import Dial, DialNode
from m3voip.ivr.verbs.fields import EXTENSION
from m3voip.routing import crm
from m3voip.routing.crm import GRACE, VERB
from m3voip.routing.decide import CompiledRules, Decision, Situation
from m3voip.routing.destination import Destination, Listed
from m3voip.routing.model import REJECT, Preferred, Target

ROUTE = "route:"
"""Before a route's name where a call says what it follows; no tree can be called so."""
FIND_AGENT, PREFERRED = "find-agent", "preferred"
FIND_AGENT_MS = 50
_ONWARD = "onward"


class CompiledRoute:
    """One reading of a route, ready for calls. Immutable."""

    __slots__ = ("_destinations", "_flows", "_listed", "_question", "_route", "_rules", "name", "version")

    def __init__(
        self, *, name: str, version: int, rules: CompiledRules, destinations: Mapping[UUID, Destination], listed: Listed
    ) -> None:
        self.name = f"{ROUTE}{name}"
        self.version = version
        self._route = name
        self._rules = rules
        self._question = rules.route.crm
        self._destinations = destinations
        self._flows = {where.flow.name: where.flow for where in destinations.values() if where.flow is not None}
        self._listed = listed

    def start(self, step: Step, at: datetime, now: datetime) -> Step:
        """Decide at once if that is possible."""
        return self._decide(step, Turn(self, at, now), UNSET if self._question else None)

    def has(self, call: Call, node: str) -> bool:
        """Whether the tree that the call has entered has this node."""
        flow = self._flows.get(call.tree)
        return flow is not None and flow.has(call, node)

    def enter(self, step: Step, node: str, at: datetime, now: datetime) -> Step:
        """Go on at a node of that tree."""
        flow = self._flows.get(step.call.tree)
        return _lost(step) if flow is None else flow.enter(step, node, at, now)

    def answer(self, step: Step, event: ev.Event, now: datetime) -> Step:
        """The CRM, the search for an agent, or the agent's phone; behind them the tree that the call entered."""
        if step.call.tree != self.name:
            flow = self._flows.get(step.call.tree)
            return _lost(step) if flow is None else flow.answer(step, event, now)
        turn = Turn(self, event.at, now)
        match step.call.cursor.node:
            case "preferred":
                return self._dial(step.call, step.call.agent).answer(step, event, turn)
            case "find-agent":
                return self._agent_found(step, event, turn)
            case _:
                told = crm.told(step, event, turn)
                return step if told is None else self._decide(told.step, turn, told.values)

    def resume(self, step: Step, event: ev.Recovered, now: datetime) -> Step:
        """Ask again, ring again if the phone never rang, or carry on in the tree."""
        if step.call.tree != self.name:
            flow = self._flows.get(step.call.tree)
            return _lost(step) if flow is None else flow.resume(step, event, now)
        turn = Turn(self, event.at, now)
        match step.call.cursor.node:
            case "preferred":
                return self._dial(step.call, step.call.agent).resume(step, event, turn)
            case "find-agent":
                return self._find(step, turn)
            case _ if step.call.rule is not None:
                return self._lead(step, turn)
            case _:
                return self.start(step, event.at, now)

    def go(self, step: Step, target: str, turn: Turn) -> Step:
        """The preferred agent has talked (no target), or has not."""
        return self._enter(step, turn) if target else step.hang_up(EndReason.COMPLETED)

    # deciding

    def _decide(self, step: Step, turn: Turn, answer: Mapping[str, str] | UnsetType | None) -> Step:
        call = step.call
        now = (
            call.started_at or turn.now
        )  # by the moment of arrival, so that it is the same however long an answer took
        lists, language = self._listed(digits(call.caller), now)
        situation = Situation(
            now=now, caller=call.caller, lists=lists, language=language, anybody=str(call.id), crm=answer
        )
        decision = self._rules.decide(situation)
        if decision is None:
            assert self._question is not None
            return crm.ask(step, turn, self._question, self._route)
        return self._led(step, turn, decision, answer)

    def _led(self, step: Step, turn: Turn, decision: Decision, answer: Mapping[str, str] | UnsetType | None) -> Step:
        target, rule, why = decision.target, decision.rule, decision.why
        if not self._reachable(target):
            target, rule, why = (
                self._rules.route.otherwise,
                "",
                f"rule '{rule}' holds, but its target cannot be reached",
            )
        where = self._where(target)
        routed = f.CallRouted(
            route=self._route,
            version=self.version,
            rule=rule,
            why=why,
            target=REJECT if target.reject else where.kind if where else "",
            to=where.name if where else "",
        )
        step = step.note(turn.at, routed).wait(None)
        values = dict(answer) if answer is not UNSET and answer is not None else {}
        if decision.priority is not None:
            values["priority"] = str(decision.priority)
        if decision.language:
            values["language"] = decision.language
        if values:
            step = step.note(turn.at, f.VariableSet(node=VERB, values=values))
        return self._lead(step, turn)

    def _lead(self, step: Step, turn: Turn) -> Step:
        """It has been decided."""
        if self._target(step.call).reject:
            return step.hang_up(EndReason.REJECTED, CALL_REJECTED)
        return self._find(step, turn)

    def _where(self, target: Target) -> Destination | None:
        return None if target.place is None else self._destinations.get(target.place)

    def _reachable(self, target: Target) -> bool:
        where = self._where(target)
        return target.reject or (where is not None and where.flow is not None)

    def _target(self, call: Call) -> Target:
        """Where the call has been routed to."""
        return self._rules.target(call.rule or "", digits(call.caller) or str(call.id))

    def _enter(self, step: Step, turn: Turn) -> Step:
        where = self._where(self._target(step.call))
        if where is None or where.flow is None:
            return _lost(step)
        entered = f.TreeEntered(tree=where.flow.name, version=where.flow.version)
        return where.flow.start(step.note(turn.at, entered), turn.at, turn.now)

    # the preferred agent

    def _find(self, step: Step, turn: Turn) -> Step:
        """Have them looked for, unless nobody can be."""
        preferred = self._rules.preferred(step.call.rule or "")
        extension = "" if preferred is None else self._extension(step.call, preferred)
        caller = digits(step.call.caller)  # who withholds it has talked with nobody, as far as we know
        if preferred is None or not (extension or (preferred.last_agent_days and caller)):
            return self._enter(step, turn)
        step = step.note(turn.at, f.NodeEntered(node=FIND_AGENT, verb=VERB))
        call = step.call
        request = step_id(call.id, call.seq, "r")
        find = do.FindAgent(
            leg=call.leg,
            request=request,
            tenant_id=call.tenant_id,
            extension=extension,
            caller=caller,
            days=preferred.last_agent_days,
            timeout_ms=FIND_AGENT_MS,
        )
        until = turn.now + timedelta(milliseconds=FIND_AGENT_MS) + GRACE
        return step.do(find).cursor(request=request).wait(until)

    def _extension(self, call: Call, preferred: Preferred) -> str:
        """The agent whom the rule or the CRM names; a CRM's word is only an extension or nothing."""
        if preferred.agent_id is not None:
            where = self._destinations.get(preferred.agent_id)
            return where.name if where else ""
        named = call.variables.get(preferred.crm, "") if preferred.crm else ""
        return named if fullmatch(EXTENSION, named) else ""

    def _agent_found(self, step: Step, event: ev.Event, turn: Turn) -> Step:
        match event:
            case ev.AgentFound(request=request) if request == step.call.cursor.request:
                step = step.wait(None)
                if not event.extension:
                    return self._enter(step, turn)
                chosen = f.VariableSet(node=FIND_AGENT, values={"preferred_agent": event.extension})
                return self._dial(step.call, event.extension).enter(step.note(turn.at, chosen), turn)
            case ev.TimeUp() if not too_early(step, turn):
                return self._enter(step, turn)
            case _:
                return step

    def _dial(self, call: Call, extension: str) -> DialNode:
        preferred = self._rules.preferred(call.rule or "") or Preferred()
        where = self._where(self._target(call))
        spec = Dial(
            extension=extension,
            overflow=_ONWARD,
            timeout_s=preferred.ring_s,
            record=where.record if where else True,
            box=where.box if where else "",
        )
        return DialNode(PREFERRED, spec)


def _lost(step: Step) -> Step:
    """The call cannot go on."""
    return step.hang_up(EndReason.FAILED)
