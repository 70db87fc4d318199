-- Calls: the facts, and what is computed from them.
--
-- call_event is the truth: a row is written once and never changed; nobody but the owner may UPDATE or DELETE. call, leg,
-- queue_visit, recording and voicemail are projections: computed from the facts in the transaction that writes them, so
-- they can be computed again. They carry no foreign keys to configuration: a queue may go, the calls that went through it
-- stay, which is why they keep names beside ids.

-- One caller's whole journey. Also what makes (call_id, seq) unique although call_event is partitioned: see call_event.
create table call (
  id            uuid primary key,  -- version 7: sorts by time, so keyset paging needs no other column
  tenant_id     uuid not null,
  direction     text not null default 'inbound',
  state         text not null,     -- core.call.State
  did           text not null default '',
  caller        text not null default '',
  caller_name   text not null default '',
  leg           text not null default '',  -- the caller's leg
  tree          text not null default '',
  tree_version  integer not null default 0,
  node          text not null default '',  -- where in the tree
  queue         text not null default '',  -- the last one
  visits        integer not null default 0,
  extension     text not null default '',  -- the agent offered or talking, or the last one
  agent_id      uuid,                      -- who talked last
  recorded      boolean not null default false,
  recording_id  uuid,
  started_at    timestamptz not null,
  queued_at     timestamptz,       -- of the last queue visit
  connected_at  timestamptz,       -- to the last agent
  ended_at      timestamptz,
  duration_s    double precision,
  wait_s        double precision not null default 0,  -- waited in queues, all visits
  talk_s        double precision not null default 0,  -- talked to agents, all of them
  end_reason    text,              -- core.causes.EndReason
  hangup_cause  integer,           -- Q.850
  last_seq      integer not null check (last_seq > 0)
) with (fillfactor = 70);          -- a call is updated some times in its first minutes: room for that in its page

create index call_list on call (tenant_id, id);
create index call_list_queue on call (tenant_id, queue, id) where queue <> '';
create index call_list_agent on call (tenant_id, agent_id, id) where agent_id is not null;
create index call_list_caller on call (tenant_id, caller, id);
create index call_open on call (id) where ended_at is null;
create index call_leg on call (leg);

-- One party's connection to a call. seq is that of the fact which began it, so a replay finds the same row.
create table leg (
  call_id       uuid not null,
  seq           integer not null,
  tenant_id     uuid not null,
  role          text not null check (role in ('caller', 'agent')),
  leg           text not null default '',  -- the telephony node's name for it, where we know it
  number        text not null default '',
  extension     text not null default '',
  agent_id      uuid,
  started_at    timestamptz not null,
  ended_at      timestamptz,
  hangup_cause  integer,
  primary key (call_id, seq)
);

-- A call's stay in a queue. seq is that of the fact which began it. The first outcome stands.
create table queue_visit (
  call_id     uuid not null,
  seq         integer not null,
  visit       integer not null,   -- counts the call's visits from 1
  tenant_id   uuid not null,
  queue       text not null,
  queue_id    uuid,
  entered_at  timestamptz not null,
  joined_at   timestamptz,        -- when app_queue took the caller in
  position    integer,            -- then
  offers      integer not null default 0,
  missed      integer not null default 0,  -- offers that nobody took
  outcome     text,               -- 'answered', 'abandoned' or a core.causes.QueueExit
  outcome_at  timestamptz,
  waited_s    double precision,
  extension   text not null default '',    -- who answered
  agent_id    uuid,
  talk_s      double precision not null default 0,  -- of the talk that answered it
  primary key (call_id, seq)
);
create index queue_visit_report on queue_visit (tenant_id, queue, entered_at);

-- What happened. id is drawn in commit order (reserve_event_ids), so "everything after id N" is complete at any moment
-- and a stream can resume by it.
--
-- A unique constraint of a partitioned table must hold the partition key, so (call_id, seq) alone cannot be one here.
-- (call_id, seq, at) is, and it suffices against a replay: `at` belongs to the fact, the journal keeps the whole row, so
-- what is sent twice is sent with the same `at`. Against two different rows under one seq (two writers, a bug) call.last_seq
-- guards: the transaction that inserts events moves call.last_seq from exactly the seq before its first to its last, and is
-- rolled back if it finds anything else; call is not partitioned and its row is locked by that update.
create table call_event (
  call_id    uuid not null,
  tenant_id  uuid not null,
  seq        integer not null check (seq > 0),  -- gapless per call, from 1
  at         timestamptz not null,
  id         bigint not null,
  kind       text not null,                     -- core.facts, e.g. 'call.started'
  payload    jsonb not null,                    -- the fact's fields
  primary key (call_id, seq, at)
) partition by range (at);
create index call_event_stream on call_event (tenant_id, id);

-- Takes what no month takes: clocks that are far off, months nobody prepared. Nothing is ever refused.
create table call_event_default partition of call_event default;

-- Makes the partitions from this month to `ahead` months on; answers the names of those it made. Rows of such a month that
-- already lie in the default partition move. Called by the engine when it starts and daily; it may not create tables
-- itself, hence security definer.
create function ensure_event_partitions(ahead integer default 2) returns setof text
  language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' as $$
declare
  since timestamptz;
  name text;
begin
  -- Two engines must not make the same month at once.
  perform pg_advisory_xact_lock(hashtext('m3voip.partitions'));
  for since in
    select generate_series(date_trunc('month', now()), date_trunc('month', now()) + make_interval(months => ahead), '1 month')
  loop
    name := 'call_event_' || to_char(since, 'YYYY_MM');
    continue when to_regclass(name) is not null;
    -- Created apart and attached: attaching does not block readers and writers of the other months.
    execute format('create table %I (like call_event including defaults including constraints)', name);
    execute format('with moved as (delete from call_event_default where at >= %L and at < %L returning *) '
                   'insert into %I select * from moved', since, since + interval '1 month', name);
    execute format('alter table call_event attach partition %I for values from (%L) to (%L)',
                   name, since, since + interval '1 month');
    -- Reached only through call_event, whose policies apply; by itself it is nobody's.
    execute format('alter table %I enable row level security', name);
    execute format('alter table %I force row level security', name);
    return next name;
  end loop;
end
$$;
revoke all on function ensure_event_partitions(integer) from public;
grant execute on function ensure_event_partitions(integer) to m3voip_engine;

create sequence call_event_id;

-- Takes `count` ids; answers the first. The lock is held to the end of the transaction and released after its rows can be
-- seen, so ids are visible in their order. An id that was rolled back is a gap, which harms nobody.
create function reserve_event_ids(count integer) returns bigint
  language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtext('m3voip.call_event'));
  return setval('call_event_id', nextval('call_event_id') + count - 1) - count + 1;
end
$$;
revoke all on function reserve_event_ids(integer) from public;
grant execute on function reserve_event_ids(integer) to m3voip_engine;

-- A recording in the vault.
create table recording (
  id          uuid primary key,
  tenant_id   uuid not null,
  call_id     uuid not null,
  key         text not null,      -- the file's place in the vault
  sha256      text not null,
  duration_s  double precision not null,
  size        bigint not null,    -- bytes
  stored_at   timestamptz not null,
  deleted_at  timestamptz         -- retention or erasure took the file
);
create index recording_call on recording (call_id);

-- A voicemail message in the vault.
create table voicemail (
  id          uuid primary key,
  tenant_id   uuid not null,
  call_id     uuid not null,
  box         text not null,
  message_id  text not null,      -- the mailbox's own name of the message
  caller      text not null default '',
  key         text not null,
  sha256      text not null,
  duration_s  double precision not null,
  size        bigint not null,
  stored_at   timestamptz not null,
  heard_at    timestamptz,
  deleted_at  timestamptz
);
create index voicemail_call on voicemail (call_id);
create index voicemail_list on voicemail (tenant_id, box, id);

-- What has to be told to the outside after it was committed. Written in the transaction of its fact; deleted when
-- done, so it stays short enough to be looked through.
create table outbox (
  event_id    bigint primary key,  -- of the fact
  tenant_id   uuid not null,
  call_id     uuid not null,
  seq         integer not null,
  kind        text not null,
  created_at  timestamptz not null default now(),
  due_at      timestamptz not null default now(),
  attempts    integer not null default 0,
  last_error  text not null default ''
);

do $$
declare
  name text;
begin
  foreach name in array '{call,leg,queue_visit,call_event,call_event_default,recording,voicemail,outbox}'::text[] loop
    call guard(name::regclass);
  end loop;
end
$$;

grant select, insert, update on call, leg, queue_visit, recording, voicemail to m3voip_engine;
grant select, insert on call_event to m3voip_engine;
grant select, insert, update, delete on outbox to m3voip_engine;
grant usage, update on sequence call_event_id to m3voip_engine;

grant select on call, leg, queue_visit, call_event, recording, voicemail to m3voip_api;
grant update (heard_at) on voicemail to m3voip_api;

select ensure_event_partitions();
