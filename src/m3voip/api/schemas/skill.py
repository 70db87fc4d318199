"""Skills on the wire: what agents can, and what a queue demands of them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from m3voip.api.fields import Sent, Wire, examples
from m3voip.core.skills import MOST_LEVEL, MOST_STEPS, MOST_TEXT, MOST_WAIT_S

SkillName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Level = Annotated[int, Field(ge=0, le=MOST_LEVEL)]
Skills = Annotated[
    dict[SkillName, Level], Field(max_length=50, description="skill → level; what is missing is level 0")
]


class AgentSkills(Sent):
    """What an agent can: all of it, so a skill that is left out is taken away."""

    skills: Skills
    model_config = examples({"skills": {"english": 80, "sales": 40}})


class AgentSkillsNow(Wire):
    """What an agent can."""

    skills: dict[str, int]
    model_config = examples({"skills": {"english": 80, "sales": 40}})


class SkillStep(Sent):
    """What is demanded of an agent for callers who have waited this long."""

    after_sec: Annotated[int, Field(ge=0, le=MOST_WAIT_S)]
    require: Annotated[str, StringConstraints(max_length=MOST_TEXT)] = Field(
        description="`skill >= level`, joined by `and`, `or` and parentheses; empty: any member"
    )
    model_config = examples({"afterSec": 30, "require": "english >= 50"})


SkillRule = Annotated[
    list[SkillStep],
    Field(
        max_length=MOST_STEPS,
        description="who may be offered a caller, by how long the caller has waited; each step may only relax the one "
        "before; [] = any member",
    ),
]
