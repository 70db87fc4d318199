-- Scorecards: what a trainer makes of a call, by a form of the company's own.

create table scorecard_form (
  id          uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant,
  name        text not null check (length(name) between 1 and 100 and name !~ '[[:cntrl:]]'),
  version     integer not null default 1 check (version > 0),  -- the one that new scorecards are filled in by
  active      boolean not null default true,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name)
);
call guard('scorecard_form');
create trigger touch before update on scorecard_form for each row execute function touch();

-- A text of a form, never changed: what scorecards were filled in by stays readable.
create table scorecard_form_version (
  form_id     uuid not null,
  tenant_id   uuid not null,
  version     integer not null check (version > 0),
  document    jsonb not null,                    -- core/scorecard.py: Form
  created_at  timestamptz not null default now(),
  primary key (form_id, version),
  foreign key (tenant_id, form_id) references scorecard_form (tenant_id, id)
);
call guard('scorecard_form_version');
create index on scorecard_form_version (tenant_id, form_id);

-- A form filled in, for ever. What was wrong is filled in again; the one that nothing replaces counts.
create table scorecard (
  id            uuid primary key,
  tenant_id     uuid not null,
  call_id       uuid not null,
  recording_id  uuid,                            -- what was listened to
  agent_id      uuid not null,
  form_id       uuid not null,
  version       integer not null,
  answers       jsonb not null,                  -- question → true, false, 1 to its most, or null (does not apply)
  comment       text not null default '' check (length(comment) <= 4000),
  points        double precision not null check (points >= 0 and points <= possible),
  possible      double precision not null check (possible >= 0),
  failed        text[] not null default '{}',    -- critical questions that were not met
  reviewer      uuid not null,                   -- the key or user
  at            timestamptz not null,
  replaces      uuid,
  unique (tenant_id, id),
  unique (tenant_id, replaces),
  foreign key (form_id, version) references scorecard_form_version (form_id, version),
  foreign key (tenant_id, replaces) references scorecard (tenant_id, id)
);
call guard('scorecard');
create index scorecard_agent on scorecard (tenant_id, agent_id, id);
create index scorecard_call on scorecard (tenant_id, call_id);

grant select, insert on scorecard_form, scorecard_form_version, scorecard to m3voip_api;
grant update (name, version, active) on scorecard_form to m3voip_api;
