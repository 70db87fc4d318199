"""All checks in the order in which a failure of one explains those after it."""

from __future__ import annotations

from m3voip.stack.doctor import (
    clock,
    control,
    database,
    disk,
    exposure,
    media,
    modules,
    permissions,
    version,
)
from m3voip.stack.doctor.finding import Check

CHECKS: dict[str, Check] = {
    "permissions": permissions.check,
    "disk": disk.check,
    "database": database.check,
    "clock": clock.check,
    "control": control.check,
    "exposure": exposure.check,
    "version": version.check,
    "modules": modules.check,
    "media": media.check,
}
