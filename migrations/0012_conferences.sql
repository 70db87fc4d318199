-- Conferences: numbers that people call to talk together, and the meetings held in them.
--
-- A conference is configuration; a meeting and its parties are history, written by the engine from what Asterisk tells and,
-- for the time when nobody listened, from Asterisk's ledger. History has no foreign keys to configuration: a conference may
-- go, its meetings stay.

create table conference (
  id                    uuid primary key default gen_random_uuid(),
  tenant_id             uuid not null references tenant,
  -- What phones dial; the namespace of the agents' extensions (see one_number below).
  number                text not null check (number ~ '^[0-9]{2,6}$'),
  name                  text not null default '' check (length(name) <= 40 and name !~ '[[:cntrl:]";<>\\\[\]]'),
  -- sha1(name in Asterisk || PIN), because the dialplan asks for the PIN also while the service is away, and SHA1() is the
  -- best it has. It keeps a PIN from being read in passing; nobody may read it by the API. '' = no PIN.
  pin_digest            text not null default '' check (pin_digest ~ '^([0-9a-f]{40})?$'),
  moderator_pin_digest  text not null default '' check (moderator_pin_digest ~ '^([0-9a-f]{40})?$'),
  has_pin               boolean generated always as (pin_digest <> '') stored,
  has_moderator_pin     boolean generated always as (moderator_pin_digest <> '') stored,
  max_parties           integer not null default 50 check (max_parties between 2 and 500),
  record                text not null default 'never' check (record in ('always', 'on_demand', 'never')),
  -- Music class for who is alone; 'none' = silence.
  music                 text not null default 'default' check (music ~ '^[a-z0-9_-]{1,32}$'),
  announce              boolean not null default true,   -- a tone when somebody joins or leaves
  locked_at_start       boolean not null default false,  -- only moderators get in until one unlocks
  wait_for_moderator    boolean not null default false,  -- participants hear music until a moderator is there
  active                boolean not null default true,
  created_at            timestamptz not null default now(),
  updated_at            timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, number),
  -- Else a meeting could never begin.
  constraint conference_moderator check (not (locked_at_start or wait_for_moderator) or moderator_pin_digest <> ''),
  constraint conference_pins_differ check (pin_digest = '' or pin_digest <> moderator_pin_digest)
);

-- An agent's extension and a conference's number are dialled alike, so one number is one of them. Told as the unique
-- constraint of the table that is written to, under its name.
create function one_number() returns trigger
  language plpgsql as $$
begin
  if tg_table_name = 'conference' then
    if exists (select from agent where tenant_id = new.tenant_id and extension = new.number) then
      raise unique_violation using message = 'an agent has this extension', constraint = 'conference_tenant_id_number_key';
    end if;
  elsif exists (select from conference where tenant_id = new.tenant_id and number = new.extension) then
    raise unique_violation using message = 'a conference has this number', constraint = 'agent_tenant_id_extension_key';
  end if;
  return new;
end
$$;
create trigger one_number before insert or update of number on conference for each row execute function one_number();
create trigger one_number before insert or update of extension on agent for each row execute function one_number();

-- One holding of a conference: from the first party that joins to the last that leaves.
create table meeting (
  id             uuid primary key,  -- version 7
  tenant_id      uuid not null,
  conference_id  uuid not null,
  number         text not null,
  name           text not null,
  started_at     timestamptz not null,
  ended_at       timestamptz,
  parties        integer not null default 0,  -- joins, in all
  recording      boolean not null default false  -- at this moment
);
-- A conference has one meeting at a time.
create unique index meeting_open on meeting (conference_id) where ended_at is null;
create index meeting_list on meeting (tenant_id, conference_id, id);

-- Somebody in a meeting, from joining to leaving. Who leaves and comes back has two rows.
create table meeting_party (
  meeting_id  uuid not null references meeting on delete cascade,
  seq         integer not null,
  tenant_id   uuid not null,
  leg         text not null,           -- the telephony node's name for it
  call_id     uuid,                    -- null for an agent's own phone call
  number      text not null default '',  -- the caller's, or the agent's extension
  moderator   boolean not null default false,
  joined_at   timestamptz not null,
  left_at     timestamptz,
  primary key (meeting_id, seq)
);
create index meeting_party_present on meeting_party (leg) where left_at is null;

do $$
declare
  name text;
begin
  foreach name in array '{conference,meeting,meeting_party}'::text[] loop
    call guard(name::regclass);
  end loop;
end
$$;
create trigger notify_config after insert or update or delete on conference
  for each statement execute function notify_config();
create trigger touch before update on conference for each row execute function touch();

-- A recording is a call's or a meeting's.
alter table recording
  alter column call_id drop not null,
  add column meeting_id uuid,
  add constraint recording_of_one check (num_nonnulls(call_id, meeting_id) = 1);
create index recording_meeting on recording (meeting_id) where meeting_id is not null;

grant select on conference to m3voip_engine;
grant select, insert, update on meeting, meeting_party to m3voip_engine;
-- The digests can be written and not read back, as an agent's and a trunk's secrets.
grant insert, update, delete on conference to m3voip_api;
grant select (id, tenant_id, number, name, has_pin, has_moderator_pin, max_parties, record, music, announce,
              locked_at_start, wait_for_moderator, active, created_at, updated_at) on conference to m3voip_api;
grant select on meeting, meeting_party to m3voip_api;
