"""Only where the tenant's people may call: its own country, and what it has allowed (bar S-02: fraud goes to dear places).

Premium numbers and satellites are allowed apart from countries. What cannot be told is not allowed.
"""

from __future__ import annotations

from m3voip.compliance.evidence import Evidence
from m3voip.compliance.subject import Service, Subject
from m3voip.core.clearance import Verdict

NAME = "country"


def judge(subject: Subject, evidence: Evidence) -> Verdict:
    """Refuses other countries, premium numbers and satellites unless they are allowed."""
    settings = evidence.settings
    allowed = tuple(dict.fromkeys(filter(None, (settings.region, *settings.countries))))
    why = do = ""
    if not settings.region:
        why, do = "it is not known in which country you are", "set region in PUT /v1/tm/dial-settings"
    elif subject.service is Service.SATELLITE:
        if not settings.satellite:
            why, do = "satellite numbers are not allowed", "allow satellite in PUT /v1/tm/dial-settings"
    elif subject.service is Service.PREMIUM and not settings.premium:
        why, do = "premium numbers are not allowed", "allow premium in PUT /v1/tm/dial-settings"
    elif subject.country not in (*allowed, "001"):
        where = subject.country or "this country"
        why, do = f"calls to {where} are not allowed", "add it to countries in PUT /v1/tm/dial-settings"
    elif subject.service is Service.UNKNOWN:
        why, do = "it is not known what kind of number this is", "ask the operator to call it"
    return Verdict(
        rule=NAME,
        passed=not why,
        inputs={
            "country": subject.country,
            "service": subject.service.value,
            "allowed": allowed,
            "premium": settings.premium,
            "satellite": settings.satellite,
        },
        why=why,
        do=do,
    )
