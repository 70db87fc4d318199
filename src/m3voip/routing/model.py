"""A route as it is stored: rules in their order, the first that holds leads on; ``otherwise`` is for everybody else.

Field names are those of the API in snake case; their limits are checked there (api/schemas/route.py), what needs the
whole route by ``lint``. Places are named by id, so that a renamed queue stays the same queue.
"""

from __future__ import annotations

from datetime import date
from uuid import UUID

import msgspec
from msgspec import Struct

TREE, QUEUE, MAILBOX, AGENT, REJECT = "tree", "queue", "mailbox", "agent", "reject"
"""Kinds of targets."""
THERE = "*"
"""Instead of a value that the CRM shall answer: any but none, 0 and false."""


class Target(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Exactly one of these."""

    tree_id: UUID | None = None
    queue_id: UUID | None = None
    mailbox_id: UUID | None = None
    agent_id: UUID | None = None
    reject: bool = False

    def named(self) -> tuple[tuple[str, UUID], ...]:
        """Kind and id of each that is named."""
        ids = ((TREE, self.tree_id), (QUEUE, self.queue_id), (MAILBOX, self.mailbox_id), (AGENT, self.agent_id))
        return tuple((kind, place) for kind, place in ids if place is not None)

    @property
    def place(self) -> UUID | None:
        """The id of the tree, queue, mailbox or agent; None for a reject."""
        named = self.named()
        return named[0][1] if named else None


class Branch(Struct, frozen=True, kw_only=True):
    """A part of the callers of a split."""

    percent: int
    to: Target


class When(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Conditions; all that are given must hold, so none at all always hold."""

    week: dict[str, str | list[str]] = {}
    holiday: bool | None = None
    withheld: bool | None = None
    prefixes: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    crm: dict[str, str] = {}

    def given(self) -> dict[str, object]:
        """Those conditions that are given."""
        blank = When()
        fields = self.__struct_fields__
        return {name: getattr(self, name) for name in fields if getattr(self, name) != getattr(blank, name)}


class Settings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule that holds says of the call."""

    priority: int | None = None
    language: str = ""


class Preferred(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who is rung first, if free: an agent, whoever last talked with the caller, or whom the CRM names."""

    agent_id: UUID | None = None
    last_agent_days: int = 0
    crm: str = ""
    ring_s: int = msgspec.field(name="ring_sec", default=15)


class Rule(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One rule. Without ``to`` and ``split`` it only sets, and the next rules are looked at."""

    name: str
    when: When = When()
    set: Settings = Settings()
    preferred: Preferred | None = None
    to: Target | None = None
    split: tuple[Branch, ...] = ()

    @property
    def leads_on(self) -> bool:
        """Whether calls for which it holds end their way through the rules here."""
        return self.to is not None or bool(self.split)


class Question(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the CRM is asked at arrival, once a call at most and only if a rule needs it. ``extract`` as in the verb http."""

    path: str
    extract: dict[str, str]
    timeout_ms: int = 300


class Route(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything that is said of one route."""

    otherwise: Target
    rules: tuple[Rule, ...] = ()
    timezone: str = ""
    holidays: tuple[str, ...] = ()
    closed_dates: tuple[date, ...] = ()
    crm: Question | None = None

    def targets(self) -> tuple[tuple[str, Target], ...]:
        """Every target with its place in the document, as the API spells it."""
        found = [("otherwise", self.otherwise)]
        for number, rule in enumerate(self.rules):
            if rule.to is not None:
                found.append((f"rules.{number}.to", rule.to))
            found += [(f"rules.{number}.split.{n}.to", branch.to) for n, branch in enumerate(rule.split)]
        return tuple(found)

    def places(self) -> tuple[tuple[str, str, UUID], ...]:
        """Everything outside that the route names: place in the document, kind, id."""
        found = [(at, kind, place) for at, target in self.targets() for kind, place in target.named()]
        for number, rule in enumerate(self.rules):
            if rule.preferred is not None and rule.preferred.agent_id is not None:
                found.append((f"rules.{number}.preferred", AGENT, rule.preferred.agent_id))
        return tuple(found)


read_route = msgspec.json.Decoder(Route).decode
write_route = msgspec.json.Encoder().encode
