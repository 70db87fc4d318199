"""The text of every generated file, from the configuration alone: same configuration, same bytes.

Law: pure; values come only from model.py's types, which have refused everything off the whitelists. The templates named
in brackets are in asterisk/etc/, the contexts in dialplans/.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import groupby

from m3voip.providers.asterisk.interfaces import interfaces
from m3voip.providers.asterisk.provision import conferences
from m3voip.providers.asterisk.provision.conferences import ConferenceConfig
from m3voip.providers.asterisk.provision.model import (
    EndpointConfig,
    EndpointKind,
    Provisioning,
    QueueConfig,
    TrunkConfig,
    TrunkTransport,
)

_HEADER = "; Written by m3voip from its database. Changes made here are lost."


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneratedFile:
    """One file of ``generated/``. ``module`` reads it; ``effect`` is what of the text a reload would change."""

    name: str
    text: str
    module: str
    effect: str


def render(config: Provisioning) -> tuple[GeneratedFile, ...]:
    """All files, in the order in which their modules should be reloaded: phones before the queues that ring them."""
    return (
        _file("pjsip.conf", "res_pjsip.so", _pjsip(config)),
        _file("banned.conf", "acl", (f"deny = {network}" for network in sorted(config.banned))),
        # Before the queues, whose members' states they are.
        _file("agents.conf", "app_agent_pool.so", _agents(config.endpoints)),
        # The rules first: a queue names its own.
        _file("queuerules.conf", "app_queue.so", _queue_rules(config.queues)),
        _queues(config.queues),
        _file("confbridge.conf", "app_confbridge.so", conferences.profiles(config.conferences)),
        _file("announcements.conf", "pbx_config.so", _join_announcements(config.queues)),
        _file("dids.conf", "pbx_config.so", _dids(config)),
        _file("directory.conf", "pbx_config.so", _directory(config.endpoints, config.conferences)),
        _file("conferences.conf", "pbx_config.so", conferences.settings(config.conferences)),
    )


def _file(name: str, module: str, lines: Iterable[str]) -> GeneratedFile:
    text = "\n".join((_HEADER, *lines, ""))
    return GeneratedFile(name=name, text=text, module=module, effect=text)


def _queues(queues: Iterable[QueueConfig]) -> GeneratedFile:
    """A member's ``paused`` is read only when Asterisk starts, so a change of it alone needs no reload."""
    ordered = sorted(queues, key=lambda queue: queue.name)
    awake = [replace(q, members=tuple(replace(member, paused=False) for member in q.members)) for q in ordered]
    written = _file("queues.conf", "app_queue.so", (line for queue in ordered for line in _queue(queue)))
    effect = _file("queues.conf", "app_queue.so", (line for queue in awake for line in _queue(queue)))
    return replace(written, effect=effect.text)


def _pjsip(config: Provisioning) -> Iterable[str]:
    for endpoint in sorted(config.endpoints, key=lambda e: e.name):
        yield from _endpoint(endpoint)
    for trunk in sorted(config.trunks, key=lambda t: t.name):
        yield from _trunk(trunk)


def _endpoint(endpoint: EndpointConfig) -> Iterable[str]:
    name = endpoint.name
    yield from ("", f"[{name}](_{endpoint.kind})", f"context = {endpoint.context}")
    yield from (f"auth = {name}", f"aors = {name}")
    yield f'callerid = "{endpoint.display_name or endpoint.extension}" <{endpoint.extension}>'
    if endpoint.mailbox:
        yield from (f"mailboxes = {endpoint.mailbox}", f"set_var = M3_MAILBOX={endpoint.mailbox}")
    yield from (f"[{name}](_phone_auth)", f"username = {name}", f"password_digest = MD5:{endpoint.ha1}")
    yield f"[{name}](_{'browser' if endpoint.kind is EndpointKind.BROWSER else 'phone'}_aor)"


def _trunk(trunk: TrunkConfig) -> Iterable[str]:
    name = trunk.name
    over = "" if trunk.transport is TrunkTransport.UDP else f"_{trunk.transport}"
    template, uri = f"_trunk{over}", f"sip:{trunk.server}" + (f";transport={trunk.transport}" if over else "")
    yield from ("", f"[{name}]({template})", "context = from-trunk")
    if trunk.server:
        yield f"aors = {name}"
    if trunk.username and trunk.password:
        yield f"outbound_auth = {name}"
    if trunk.username:
        # The account stands in From; the number that is shown goes beside it (RFC 3325).
        yield from (f"from_user = {trunk.username}", "send_pai = yes")
    if trunk.server:
        yield from (f"[{name}](_trunk_aor)", f"contact = {uri}")
    if trunk.username and trunk.password:
        yield from (f"[{name}]", "type = auth", "auth_type = digest")
        yield from (f"username = {trunk.username}", f"password = {trunk.password}")
    if trunk.addresses:
        yield from (f"[{name}]", "type = identify", f"endpoint = {name}")
        yield from (f"match = {address}" for address in trunk.addresses)
    if trunk.register:
        yield from (f"[{name}](_trunk_registration)", f"endpoint = {name}", f"outbound_auth = {name}")
        yield from (f"server_uri = {uri}", f"client_uri = sip:{trunk.username}@{trunk.server}")
        if trunk.contact_user:
            yield f"contact_user = {trunk.contact_user}"
        if over:
            yield f"transport = transport-{trunk.transport}"


def _queue(queue: QueueConfig) -> Iterable[str]:
    yield from ("", f"[{queue.name}](_queue)", f"strategy = {queue.strategy}")
    yield from (f"timeout = {queue.ring_timeout}", f"retry = {queue.retry}", f"wrapuptime = {queue.wrap_up}")
    yield from (f"musicclass = {queue.music}", f"maxlen = {queue.maxlen}", f"weight = {queue.weight}")
    yield f"announce-frequency = {queue.announce_interval}"
    yield f"min-announce-frequency = {min(queue.announce_interval, 15)}"
    yield f"announce-position = {'yes' if queue.announce_position else 'no'}"
    yield f"announce-holdtime = {queue.announce_holdtime}"
    # An empty list is app_queue's "yes" to joining and its "no" to leaving: the caller always waits.
    yield f"joinempty = {','.join(queue.join_empty) or 'yes'}"
    yield f"leavewhenempty = {','.join(queue.leave_when_empty) or 'no'}"
    # Empty where there is none: what is left out would stay as it was.
    yield f"defaultrule = {queue.name if queue.penalty_changes else ''}"
    yield f"announce = {_sound(queue.agent_announcement)}"
    periodic = [_sound(prompt) for prompt in queue.periodic_announcements]
    yield f"periodic-announce-frequency = {queue.periodic_interval if periodic else 0}"
    if periodic:
        yield f"periodic-announce = {','.join(periodic)}"
    for member in queue.members:
        interface, state = interfaces(member.endpoint, session=member.session)
        paused = "yes" if member.paused else "no"
        # interface, penalty, name, state interface, ringinuse (the queue's), wrap-up (the queue's), paused
        yield f"member => {interface},{member.penalty},{member.name},{state},,,{paused}"


def _agents(endpoints: Iterable[EndpointConfig]) -> Iterable[str]:
    for endpoint in sorted(endpoints, key=lambda e: e.name):
        if endpoint.session:
            yield from ("", f"[{endpoint.name}](_agent)", f"fullname = {endpoint.extension}")


def _queue_rules(queues: Iterable[QueueConfig]) -> Iterable[str]:
    for queue in sorted(queues, key=lambda q: q.name):
        if queue.penalty_changes:
            yield from ("", f"[{queue.name}]")
            yield from (f"penaltychange => {after},{limit}" for after, limit in queue.penalty_changes)


def _join_announcements(queues: Iterable[QueueConfig]) -> Iterable[str]:
    """Played before the caller joins; app_queue has no announcement of that kind."""
    yield from ("", "[queue-announcement]")
    for queue in sorted(queues, key=lambda q: q.name):
        if queue.join_announcement:
            yield f"exten => say_{queue.name.replace('-', '_')},1,Playback({_sound(queue.join_announcement)})"
            yield " same => n,Return()"


def _sound(prompt: str) -> str:
    return f"/prompts/{prompt}" if prompt else ""


def _dids(config: Provisioning) -> Iterable[str]:
    yield from ("", "[did-floor]")
    for did in sorted(config.dids, key=lambda d: d.number):
        yield from _floor(did.number, did.queue, did.mailbox)
    yield from _floor("default", config.default_queue, config.default_mailbox)


def _floor(extension: str, queue: str, mailbox: str) -> Iterable[str]:
    yield f"exten => {extension},1,Set(M3_FLOOR_QUEUE={queue})"
    yield f" same => n,Set(M3_FLOOR_BOX={mailbox})"
    yield " same => n,Return()"


def _directory(endpoints: Iterable[EndpointConfig], meant: Iterable[ConferenceConfig]) -> Iterable[str]:
    """Who or what an extension is, for each tenant's phones. A tenant's own context is made of its directory and the services
    that all have; the default tenant's context stands in dialplans/from-agent.conf."""
    ordered = sorted(endpoints, key=lambda e: (e.context, e.extension))
    for context, phones in groupby(ordered, key=lambda e: e.context):
        if context != "from-agent":
            yield from ("", f"[{context}]", f"include => {context}-directory", "include => agent-services")
        yield from ("", f"[{context}-directory]" + ("(+)" if context == "from-agent" else ""))
        for phone in phones:
            yield f"exten => {phone.extension},1,Set(M3_AGENT={phone.name})"
            yield " same => n,Goto(agent-to-agent,s,1)"
        yield from conferences.numbers(one for one in meant if one.context == context)
