"""FastAGI on pyst2: the questions the dialplan asks by itself while the service is away. A process of its own."""

from __future__ import annotations

from m3voip.providers.asterisk.agi.serve import serve

__all__ = ["serve"]
