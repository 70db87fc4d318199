"""What the CRM port counts."""

from __future__ import annotations

from prometheus_client import Counter

CRM_REQUESTS = Counter("m3voip_crm_requests", "Questions of IVR http nodes to the CRM", ["result"])
