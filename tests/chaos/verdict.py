"""The laws that hold after any fault: each caller's own story against the service's record of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.chaos.crowd import Crowd, everybody
from tests.chaos.faults import Lives
from tests.chaos.people import KEYS, Agents, Visit
from tests.chaos.records import Record, complaints, last_contexts, read, unfinished
from tests.support.eventually import eventually

SAME_END_S = 1.0
SAME_TALK_S = 1.0
TOO_SHORT_S = 0.2
SOON_S = 5.0
"""By then an end is written down, if the service was there all the time."""
LATE_FACTS = {"recording.ready", "voicemail.stored", "voicemail.discarded"}
"""Written by jobs after a call has ended."""
NAMING = ("call.connected", "party.invited", "call.picked_up")
"""Facts that say which agent's phone is in a call, or is asked to be."""


@dataclass(slots=True)
class Verdict:
    """``faults`` is empty when every law held. ``count`` tells how much was tried."""

    faults: list[str] = field(default_factory=list)
    count: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=dict)

    def note(self, what: str, seconds: float) -> None:
        """Keep the worst of a measure."""
        self.worst[what] = round(max(self.worst.get(what, 0.0), seconds), 2)


async def judge(
    crowd: Crowd,
    *,
    may_drop: frozenset[str] = frozenset(),
    unsure: frozenset[str] = frozenset(),
    handled: frozenset[str] = frozenset(),
    lives: Lives | None = None,
) -> Verdict:
    """Hold every record against its caller, once the service has done all its work. ``may_drop``: numbers whose calls the
    fault was allowed to end; ``unsure``: those who may have called twice without knowing; ``handled``: those whose calls
    somebody held, joined or handed on. ``lives``: of the service, where that was killed."""
    verdict = Verdict()
    await eventually(lambda: _nothing_left(crowd), 60, every=0.5, what="everything to be written down")
    records, contexts = await read(crowd.stack), last_contexts(crowd.stack)
    verdict.faults += [f"log: {line[:300]}" for line in complaints(crowd.stack)[:5]]
    strangers = set(records) - everybody
    verdict.faults += [f"{number}: a record of a call that nobody made" for number in strangers]
    for visit in crowd.visits:
        if visit.number in unsure:
            verdict.count["not judged"] += 1
            continue
        if visit.refused:
            verdict.faults.append(f"{visit.number}: not answered: {visit.refused}")
            continue
        verdict.count["calls"] += 1
        found = records.get(visit.number, [])
        if len(found) != 1:
            verdict.faults.append(f"{visit.number}: {len(found)} records; {_story(visit, crowd.agents)}")
            continue
        before = len(verdict.faults)
        _judge_record(visit, found[0], verdict, dropped=visit.number in may_drop)
        if visit.number in handled:
            _judge_handled(visit, found[0], crowd.agents, verdict)
        else:
            _judge_talks(visit, found[0], crowd.agents, verdict, dropped=visit.number in may_drop)
        if visit.number not in may_drop:
            _judge_drop(visit, found[0], crowd.agents, contexts, verdict)
        if lives is not None:
            _judge_service(visit, found[0], lives, verdict)
        if len(verdict.faults) > before:
            verdict.faults.append(f"  {visit.number}: {_story(visit, crowd.agents)}; written: {_written(found[0])}")
    return verdict


async def _nothing_left(crowd: Crowd) -> bool:
    left = await unfinished(crowd.stack)
    assert not left, left
    return True


def _judge_record(visit: Visit, record: Record, verdict: Verdict, *, dropped: bool) -> None:
    """One end, gapless, at the time the caller knows."""
    number, kinds = visit.number, [kind for kind in record.kinds if kind not in LATE_FACTS]
    if kinds.count("call.ended") != 1 or kinds[-1] != "call.ended" or kinds[0] != "call.started":
        verdict.faults.append(f"{number}: {kinds.count('call.ended')} call.ended, the last fact is {kinds[-1]}")
    if [event.seq for event in record.events] != list(range(1, len(record.events) + 1)):
        verdict.faults.append(f"{number}: seq has a gap")
    if record.last_seq != len(record.events):
        verdict.faults.append(f"{number}: last_seq {record.last_seq}, {len(record.events)} events")
    if len(record.announced) != 1:
        verdict.faults.append(f"{number}: call.ended stands {len(record.announced)} times in the outbox")
    if record.ended_at is None or record.state != "ended":
        verdict.faults.append(f"{number}: no end, state {record.state}")
    elif visit.ended_at is not None and not dropped:
        off = abs(record.ended_at.timestamp() - visit.ended_at)
        verdict.note("end off by s", off)
        if off > SAME_END_S:
            verdict.faults.append(f"{number}: the end is off by {off:.2f} s")
    for event in record.all("call.unexpected"):
        verdict.count[f"unexpected {event.payload['event']} while {event.payload['state']}"] += 1
    for event in record.all("call.command_failed"):
        verdict.count[f"failed {event.payload['command']}: {event.payload['why']}"] += 1
    verdict.count["floor calls"] += "call.on_floor" in kinds
    verdict.count["resumed"] += "call.resumed" in kinds
    verdict.count["voicemails"] += record.kinds.count("voicemail.stored")


def _judge_talks(visit: Visit, record: Record, agents: Agents, verdict: Verdict, *, dropped: bool) -> None:
    """Every talk that an agent had is there, with its time, and recorded."""
    number, talks = visit.number, agents.talks(visit.number)
    verdict.count["talks"] += len(talks)
    connected = [event.payload["extension"] for event in record.all("call.connected")]
    if dropped:
        verdict.count["dropped by the fault"] += 1
        verdict.count[f"ended as {record.end_reason}"] += 1
        connected += [extension for extension, _ in talks[len(connected) :]]  # the last answer may not have been told
    if connected != [extension for extension, _ in talks]:
        verdict.faults.append(f"{number}: talked to {[who for who, _ in talks]}, written down is {connected}")
        return
    if not talks or dropped:
        return
    seconds = sum(call.seconds("answered", "ended") for _, call in talks)
    verdict.note("talk off by s", abs(record.talk_s - seconds))
    if abs(record.talk_s - seconds) > SAME_TALK_S:
        verdict.faults.append(f"{number}: talked {seconds:.2f} s, written down is {record.talk_s:.2f}")
    if "call.on_floor" in record.kinds or (seconds < TOO_SHORT_S and not record.recordings):
        return  # nobody decided that calls of the floor may be recorded; an instant leaves no frame
    if len(record.recordings) != 1:
        verdict.faults.append(f"{number}: {len(record.recordings)} recordings of a talk of {seconds:.2f} s")
        return
    verdict.count["recordings"] += 1
    verdict.note("recording off by s", abs(record.recordings[0] - seconds))
    if abs(record.recordings[0] - seconds) > SAME_TALK_S:
        verdict.faults.append(f"{number}: talked {seconds:.2f} s, recorded are {record.recordings[0]:.2f}")


def _judge_handled(visit: Visit, record: Record, agents: Agents, verdict: Verdict) -> None:
    """Whoever talked in a call in hand is named in its record, and it was recorded once, as a whole."""
    number, talked = visit.number, {extension for extension, _ in agents.talks(visit.number)}
    verdict.count["calls in hand"] += "call.taken_in_hand" in record.kinds
    for kind in ("call.transferred", "call.parked", "call.picked_up"):
        verdict.count[kind] += record.kinds.count(kind)
    named = {event.payload["extension"] for kind in NAMING for event in record.all(kind)}
    if not talked <= named:
        verdict.faults.append(f"{number}: talked to {talked}, written down are {named}")
    if len(record.recordings) != 1 and "call.on_floor" not in record.kinds:
        verdict.faults.append(f"{number}: {len(record.recordings)} recordings of a call in hand")


def _judge_drop(
    visit: Visit, record: Record, agents: Agents, contexts: Mapping[str, str], verdict: Verdict
) -> None:  # fmt: skip
    """Who did not hang up themselves were hung up by their agent, or stood behind a mailbox; all else is a drop."""
    if visit.call is None or visit.call.end is None or visit.call.end.by == "us":
        return
    ends = [(call.moments["ended"].wall, call.end.by) for _, call in agents.talks(visit.number) if call.end is not None]
    if ends and max(ends)[1] == "us":
        return
    if contexts.get(record.leg) == "to-voicemail":
        return
    verdict.count["dropped"] += 1
    verdict.faults.append(f"{visit.number}: dropped in {contexts.get(record.leg, 'nowhere')}")


def _judge_service(visit: Visit, record: Record, lives: Lives, verdict: Verdict) -> None:
    """Who came while there was no service was served by the floor; who pressed a key while there was one got on; what ended
    while there was one is written down soon."""
    on_floor = "call.on_floor" in record.kinds
    if visit.answered_at is not None and lives.was_dead(visit.answered_at, for_s=0.1):
        verdict.count["came while dead"] += 1
        if not on_floor:
            verdict.faults.append(f"{visit.number}: came while the service was dead, and was not served by the floor")
    got_on = on_floor or bool({"queue.entered", "dial.started", "voicemail.entered"} & set(record.kinds))
    heard = any(lives.answered(at - 1.0, at + 2.0) and at + 2.0 < (visit.ended_at or 0.0) for at in visit.pressed)
    if visit.plan in KEYS and heard and not got_on:
        verdict.faults.append(f"{visit.number}: pressed a key in a menu, and nothing came of it")
    if visit.ended_at is not None and lives.answered(visit.ended_at, visit.ended_at + SOON_S) and record.announced:
        late = record.announced[0].timestamp() - visit.ended_at
        verdict.note("end written down after s", late)
        if late > SOON_S:
            verdict.faults.append(f"{visit.number}: the end was written down {late:.1f} s later")
    resumed = [event for event in record.all("call.resumed") if event.payload["state"] == "ivr"]
    if resumed and got_on and not on_floor:
        verdict.count["menus carried on"] += 1


def _story(visit: Visit, agents: Agents) -> str:
    said = "; ".join(visit.call.story) if visit.call else visit.refused
    begun = visit.call.moments["invite"].wall if visit.call else 0.0
    offers = [
        f"{who} +{call.moments['invite'].wall - begun:.2f}: {', '.join(call.story)}"
        for who, call in agents.calls.get(visit.number, ())
    ]
    return f"{visit.plan} at {begun:.2f}: {said}; pressed {[round(at - begun, 1) for at in visit.pressed]}; agents: {offers}"


def _written(record: Record) -> str:
    begun = record.started_at
    return f"{record.leg} from {begun.timestamp():.2f}: " + ", ".join(
        f"+{(event.at - begun).total_seconds():.2f} {event.kind}" for event in record.events
    )
