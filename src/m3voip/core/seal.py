"""What a ``Clearance`` is sealed with. Law: only ``compliance/gate.py`` may import this module, besides the type that wants it
(import-linter and tests/architecture/test_clearance.py see to it), so nobody else can make one."""

from __future__ import annotations

from typing import Final, final


@final
class Seal:
    """Its only value is ``SEAL``."""

    __slots__ = ()


SEAL: Final = Seal()
