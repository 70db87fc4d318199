-- Agents at work: how each signs in, why they pause, what they do now, and everything that led to it.
--
-- The service owns what an agent does (docs/adr/0009): agent_state is what it must find again after a crash, agent_event how
-- that came about. An event row is written once and never changed; nobody but the owner may UPDATE or DELETE.

alter table agent
  -- ring: a queue rings the phone for each call. session: the line is kept up and calls are joined to it.
  add column works text not null default 'ring' check (works in ('ring', 'session')),
  -- by_phone: whoever's phone is registered is at work. explicitly: signing in is asked for, by the API or a phone code.
  add column signs_in text not null default 'by_phone' check (signs_in in ('by_phone', 'explicitly'));
-- Column by column, as in 0002, because secrets can be written and not read.
grant select (works, signs_in) on agent to m3voip_api;

-- Whether an agent who does not take a call of this queue is paused until somebody says that they are there.
alter table queue add column pause_on_no_answer boolean not null default true;

-- A key that stands for an agent: what "me" is.
alter table api_key
  add column agent_id uuid,
  add foreign key (tenant_id, agent_id) references agent (tenant_id, id) on delete set null (agent_id);
create index on api_key (tenant_id, agent_id) where agent_id is not null;

-- Why agents of a company pause. Some codes are the service's own.
create table pause_reason (
  id          uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant,
  code        text not null check (code ~ '^[a-z][a-z0-9_]{0,31}$'
                and code not in ('ring_no_answer', 'phone_lost', 'wrap_up', 'logged_out', 'paused')),
  label       text not null default '' check (length(label) <= 100 and label !~ '[[:cntrl:]]'),
  limit_s     integer not null default 0 check (limit_s between 0 and 86400),  -- 0 = no limit
  active      boolean not null default true,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, code)
);
call guard('pause_reason');
create trigger touch before update on pause_reason for each row execute function touch();
grant select, insert, update, delete on pause_reason to m3voip_api;

-- What an agent does: the last of their events, and in `saved` all that the service knows of them (core.agent_state.Agent).
create table agent_state (
  agent_id    uuid primary key,
  tenant_id   uuid not null references tenant,
  last_seq    integer not null check (last_seq > 0),
  state       text not null check (state in ('logged_out', 'available', 'reserved', 'on_call', 'wrap_up', 'paused')),
  saved       jsonb not null,
  updated_at  timestamptz not null default now(),
  foreign key (tenant_id, agent_id) references agent (tenant_id, id) on delete cascade
);
call guard('agent_state');
create index on agent_state (tenant_id, agent_id);
grant select, insert, update on agent_state to m3voip_engine;
grant select on agent_state to m3voip_api;

-- What happened to an agent, for ever; no foreign key, because agents may go.
create table agent_event (
  agent_id   uuid not null,
  tenant_id  uuid not null,
  seq        integer not null check (seq > 0),  -- gapless per agent, from 1
  at         timestamptz not null,
  kind       text not null,                     -- core.agent_state.Change
  state      text not null,                     -- after it
  via        text not null,                     -- core.agent_state.Via
  by         uuid,                              -- the key or user who asked
  reason     text not null default '',
  call_id    uuid,
  until      timestamptz,                       -- of a wrap-up
  primary key (agent_id, seq)
);
call guard('agent_event');
grant select, insert on agent_event to m3voip_engine;
grant select on agent_event to m3voip_api;

-- The one way agents' events come in: a batch in the order in which they happened. strict: each agent must be exactly where
-- the batch begins, else all of it is refused with SQLSTATE M3001, as in record_facts_v1. What is there already is skipped.
create function record_agent_events_v1(strict boolean, events jsonb) returns void
  language plpgsql as $$
begin
  if strict and exists (
    select from (select agent_id, min(seq) as first_seq
                   from jsonb_to_recordset(events) as e (agent_id uuid, seq integer) group by agent_id) as batch
      join agent a on a.id = batch.agent_id  -- of one that is gone there is nothing to compare with
      left join agent_state s on s.agent_id = batch.agent_id
     where coalesce(s.last_seq, 0) <> batch.first_seq - 1
  ) then
    raise exception 'events of agents out of step' using errcode = 'M3001';
  end if;

  insert into agent_event (agent_id, tenant_id, seq, at, kind, state, via, by, reason, call_id, until)
  select agent_id, tenant_id, seq, at, kind, state, via, by, reason, call_id, until
    from jsonb_to_recordset(events) as e (agent_id uuid, tenant_id uuid, seq integer, at timestamptz, kind text, state text,
                                          via text, by uuid, reason text, call_id uuid, until timestamptz)
  on conflict do nothing;

  insert into agent_state as s (agent_id, tenant_id, last_seq, state, saved)
  select distinct on (e.agent_id) e.agent_id, e.tenant_id, e.seq, e.state, e.saved
    from jsonb_to_recordset(events) as e (agent_id uuid, tenant_id uuid, seq integer, state text, saved jsonb)
    join agent a on a.id = e.agent_id
   where jsonb_typeof(e.saved) = 'object'
   order by e.agent_id, e.seq desc
  on conflict (agent_id) do update
    set last_seq = excluded.last_seq, state = excluded.state, saved = excluded.saved, updated_at = now()
    where s.last_seq < excluded.last_seq;
end
$$;
revoke all on function record_agent_events_v1 from public;
grant execute on function record_agent_events_v1 to m3voip_engine;
