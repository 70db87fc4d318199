-- Who listens to whom: one row for each supervision, written before anything is done, closed when it is over.

create table supervision (
  id           uuid primary key,
  tenant_id    uuid not null references tenant,
  subject      uuid not null,          -- the key or user who supervises
  extension    text not null,          -- the supervisor's phone
  call_id      uuid not null,
  agent        text not null,          -- extension of the agent who is heard
  agent_leg    text not null,
  mode         text not null check (mode in ('listen', 'whisper', 'barge')),
  reason       text not null check (length(reason) between 1 and 500),
  started_at   timestamptz not null default now(),
  answered_at  timestamptz,            -- the supervisor's phone was picked up
  ended_at     timestamptz,
  end_reason   text,
  check ((ended_at is null) = (end_reason is null))
);
call guard('supervision');
create index supervision_list on supervision (tenant_id, id);
create index supervision_call on supervision (call_id);
-- A phone supervises one agent at a time.
create unique index supervision_extension on supervision (tenant_id, extension) where ended_at is null;

grant select, insert on supervision to m3voip_api;
grant update (call_id, agent, agent_leg, mode) on supervision to m3voip_api;
grant select on supervision to m3voip_engine;
grant update (answered_at, ended_at, end_reason) on supervision to m3voip_engine;
