"""Ids in paths, by the names that clients see."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import Path

AgentId = Annotated[UUID, Path(alias="agentId")]
ApiKeyId = Annotated[UUID, Path(alias="apiKeyId")]
AttemptId = Annotated[UUID, Path(alias="attemptId")]
BanId = Annotated[UUID, Path(alias="banId")]
BlockedCallerId = Annotated[UUID, Path(alias="blockedCallerId")]
CallerIdId = Annotated[UUID, Path(alias="callerIdId")]
CallId = Annotated[UUID, Path(alias="callId")]
ConferenceId = Annotated[UUID, Path(alias="conferenceId")]
DidId = Annotated[UUID, Path(alias="didId")]
DoNotCallId = Annotated[UUID, Path(alias="doNotCallId")]
ListedCallerId = Annotated[UUID, Path(alias="listedCallerId")]
MailboxId = Annotated[UUID, Path(alias="mailboxId")]
MeetingId = Annotated[UUID, Path(alias="meetingId")]
PartyId = Annotated[
    str, Path(alias="partyId", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="`partyId` of the roster")
]
PauseReasonId = Annotated[UUID, Path(alias="pauseReasonId")]
QueueId = Annotated[UUID, Path(alias="queueId")]
RecordingId = Annotated[UUID, Path(alias="recordingId")]
RouteId = Annotated[UUID, Path(alias="routeId")]
SupervisionId = Annotated[UUID, Path(alias="supervisionId")]
TreeId = Annotated[UUID, Path(alias="treeId")]
TrunkId = Annotated[UUID, Path(alias="trunkId")]
VoicemailId = Annotated[UUID, Path(alias="voicemailId")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1, description="counts from 1")]
