"""The proof that a number may be dialled now, and the reasons for which one may not (design, invariant 1).

Law: nothing outside is dialled without a ``Clearance``: the one command that dials has a field for it, and takes the number
from it. One is made by ``compliance/gate.py`` alone, in the transaction that records the attempt, and is held in memory only:
a process that dies takes its clearances with it, so nothing is dialled by the next one that this one had meant to.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NoReturn, final
from uuid import UUID

from msgspec import Struct

from m3voip.core.phone import mask
from m3voip.core.seal import SEAL, Seal

Input = str | int | bool | None | tuple[str, ...]
"""What a rule looked at; stored as JSON."""


class Kind(StrEnum):
    """What sort of call it is; the law tells them apart."""

    HAND_DIALLED = "hand_dialled"  # by an agent, one number, within a live call
    EMERGENCY = "emergency"  # passes every rule and cap


class Verdict(Struct, frozen=True, kw_only=True):
    """What one rule says. ``why`` and ``do`` are sentences for whoever dials, "" where it has passed; ``inputs`` is all that it
    looked at."""

    rule: str
    passed: bool
    inputs: dict[str, Input]
    why: str = ""
    do: str = ""


class Decision(Struct, frozen=True, kw_only=True):
    """What the gate says of one number at one moment. ``number`` is E.164, or an emergency number as it is dialled; where it
    cannot be read, as it was typed."""

    kind: Kind
    number: str
    caller_id: str
    verdicts: tuple[Verdict, ...]

    @property
    def refused(self) -> tuple[Verdict, ...]:
        """Those that forbid it, in the order in which rules are asked."""
        return tuple(verdict for verdict in self.verdicts if not verdict.passed)

    @property
    def cleared(self) -> bool:
        """Whether it may be dialled."""
        return bool(self.verdicts) and not self.refused


@final
class Clearance:
    """One number, for one attempt of one tenant. It is never copied, stored or made again."""

    __slots__ = ("attempt_id", "caller_id", "kind", "number", "tenant_id")
    attempt_id: UUID
    tenant_id: UUID
    number: str
    caller_id: str
    kind: Kind

    def __init__(
        self, seal: Seal, *, attempt_id: UUID, tenant_id: UUID, number: str, caller_id: str, kind: Kind
    ) -> None:
        if seal is not SEAL:
            raise TypeError("only the gate makes a clearance")
        for name, value in (
            ("attempt_id", attempt_id), ("tenant_id", tenant_id), ("number", number), ("caller_id", caller_id),
            ("kind", kind),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise TypeError("a clearance cannot be changed")

    def __delattr__(self, name: str) -> NoReturn:
        raise TypeError("a clearance cannot be changed")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a clearance cannot be copied or stored")

    def __repr__(self) -> str:
        return f"<Clearance {self.attempt_id} {mask(self.number)} {self.kind}>"
