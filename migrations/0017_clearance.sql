-- Calls out: whom a tenant may call, from which numbers, and every attempt to do so with the reasons for which it was allowed or not.
-- The rules are src/m3voip/compliance/rules, one file each; what is not here is refused (design, invariant 1).

-- How a tenant's people may dial. Without a row nothing but an emergency number is dialled.
create table dial_settings (
  tenant_id         uuid primary key references tenant,
  -- ISO 3166: where the tenant is; reads national spellings, and its numbers are the ones that are allowed.
  region            text not null check (region ~ '^[A-Z]{2}$'),
  countries         text[] not null default '{}' check (array_to_string(countries, ',') ~ '^([A-Z]{2}(,[A-Z]{2})*)?$'),
  premium           boolean not null default false,
  satellite         boolean not null default false,
  max_calls         integer not null default 10 check (max_calls between 0 and 100000),
  max_calls_per_min integer not null default 30 check (max_calls_per_min between 0 and 100000),
  caller_id         text not null default '' check (caller_id ~ '^(\+[1-9][0-9]{5,14})?$'),
  created_at        timestamptz not null default now(),
  updated_at        timestamptz not null default now()
);

-- Who must not be called by this tenant: the register of the CRM's contract.
create table do_not_call (
  id          uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant,
  digits      text not null check (digits ~ '^[0-9]{5,15}$'),
  reason      text not null default '' check (length(reason) <= 500),
  added_by    uuid,
  created_at  timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, digits)
);

-- A number that the tenant may show to those it calls. `proof` says how that is known: the carrier's contract, a letter.
create table caller_id (
  id           uuid primary key default gen_random_uuid(),
  tenant_id    uuid not null references tenant,
  number       text not null check (number ~ '^\+[1-9][0-9]{5,14}$'),
  proof        text not null check (length(proof) between 1 and 500),
  verified_by  uuid,
  created_at   timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, number)
);

-- One try to reach one number, allowed or not. Written once, before anything is dialled, and never changed; `verdicts` is what
-- each rule said, with what it looked at.
create table attempt (
  id          uuid primary key,
  tenant_id   uuid not null,
  call_id     uuid not null,
  subject     uuid,                  -- the key or user who wanted it
  kind        text not null check (kind in ('hand_dialled', 'emergency')),
  number      text not null check (length(number) <= 32),
  caller_id   text not null default '' check (caller_id ~ '^(\+[1-9][0-9]{5,14})?$'),
  cleared     boolean not null,
  refusals    text[] not null default '{}',
  verdicts    jsonb not null,
  at          timestamptz not null,
  check (cleared = (cardinality(refusals) = 0))
);
create index attempt_list on attempt (tenant_id, id);
create index attempt_call on attempt (call_id);
create index attempt_rate on attempt (tenant_id, at) where cleared;

-- Attempts that were cleared and are not over; what the cap on calls at once counts.
create table attempt_live (
  attempt_id  uuid primary key references attempt,
  tenant_id   uuid not null,
  call_id     uuid not null,
  at          timestamptz not null
);
create index attempt_live_tenant on attempt_live (tenant_id);

-- What became of one that was cleared; once.
create table attempt_end (
  attempt_id   uuid primary key references attempt,
  tenant_id    uuid not null,
  result       text not null check (result in ('answered', 'busy', 'no_answer', 'rejected', 'unallocated', 'trunk_failed',
                                               'cancelled', 'not_dialled', 'unknown')),
  cause        integer not null,     -- Q.850; 0 = unknown
  trunk        text not null,        -- the last one that was tried; '' = none
  answered_at  timestamptz,
  ended_at     timestamptz not null
);

do $$
declare
  name text;
begin
  foreach name in array '{dial_settings,do_not_call,caller_id,attempt,attempt_live,attempt_end}'::text[] loop
    call guard(name::regclass);
  end loop;
end
$$;
create trigger touch before update on dial_settings for each row execute function touch();

grant select, insert, update on dial_settings to m3voip_api;
grant select, insert, delete on do_not_call, caller_id to m3voip_api;
grant select, insert on attempt, attempt_live to m3voip_api;
grant select on attempt_end to m3voip_api;
grant select on attempt to m3voip_engine;
grant select, delete on attempt_live to m3voip_engine;
grant select, insert on attempt_end to m3voip_engine;
