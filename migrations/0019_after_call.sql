-- After a call: how it came out (disposition), and what people write down about it (notes).
--
-- These rows are the truth; a row of call_remark goes with each, from which the service makes a fact of the call, as it does
-- of what becomes of voicemail (docs/adr/0010-voicemail.md). So whatever must hold together with a disposition (issue 4: the
-- do-not-call register, the next attempt) can be written in its transaction.

-- How calls can come out. Every tenant begins with the contract's codes; its own ones mean one of them.
create table disposition_code (
  id          uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant,
  code        text not null check (code ~ '^[A-Z][A-Z0-9_]{0,31}$'),
  maps_to     text not null,                    -- core/disposition.py: Outcome
  standard    boolean not null default false,
  label       text not null default '' check (length(label) <= 100 and label !~ '[[:cntrl:]]'),
  required    text[] not null default '{}' check (required <@ '{notes,next_attempt_at}'::text[]),
  number      integer check (number between 1 and 99),  -- dialled after *55; null = not by phone
  active      boolean not null default true,
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, code),
  unique (tenant_id, number),
  check (maps_to in ('ANSWERED', 'NO_ANSWER', 'BUSY', 'VOICEMAIL', 'CALLBACK', 'INTERESTED', 'NOT_INTERESTED', 'DO_NOT_CALL',
                     'WRONG_NUMBER', 'DISCONNECTED'))
);
call guard('disposition_code');
create trigger touch before update on disposition_code for each row execute function touch();

-- The ids are made so that the list has the order of the numbers.
create function standard_dispositions(company uuid) returns void
  language sql
  begin atomic
    insert into disposition_code (id, tenant_id, code, maps_to, standard, required, number)
    select overlay(gen_random_uuid()::text placing '00000000-00' || lpad(to_hex(n), 2, '0') from 1 for 13)::uuid, company, code,
           maps_to, true, case code when 'CALLBACK' then '{next_attempt_at}'::text[] else '{}' end, n
      from (values (1, 'ANSWERED', 'ANSWERED'), (2, 'NO_ANSWER', 'NO_ANSWER'), (3, 'BUSY', 'BUSY'), (4, 'VOICEMAIL', 'VOICEMAIL'),
                   (5, 'CALLBACK', 'CALLBACK'), (6, 'INTERESTED', 'INTERESTED'), (7, 'NOT_INTERESTED', 'NOT_INTERESTED'),
                   (8, 'DO_NOT_CALL', 'DO_NOT_CALL'), (9, 'WRONG_NUMBER', 'WRONG_NUMBER'), (10, 'DISCONNECTED', 'DISCONNECTED'),
                   (11, 'QUALIFIED', 'INTERESTED'), (12, 'SALE', 'INTERESTED'), (13, 'DNC_REQUEST', 'DO_NOT_CALL'))
             as known (n, code, maps_to);
  end;
revoke all on function standard_dispositions(uuid) from public;
select standard_dispositions(tenant_id) from tenant;

-- Whoever may make a company need not know of these.
create function new_tenant_dispositions() returns trigger
  language plpgsql security definer set search_path = public, pg_temp as $$
begin
  perform standard_dispositions(new.tenant_id);
  return null;
end
$$;
revoke all on function new_tenant_dispositions() from public;
create trigger dispositions after insert on tenant for each row execute function new_tenant_dispositions();

-- What was said of a call. Nothing is ever changed but `replaced_at`: the row without it is what counts.
create table call_disposition (
  id               uuid primary key,
  tenant_id        uuid not null,
  call_id          uuid not null,
  code             text not null,
  maps_to          text not null,
  notes            text not null default '' check (length(notes) <= 4000),
  next_attempt_at  timestamptz,
  set_by           uuid,                             -- the key or user, where it was the API
  agent_id         uuid,                             -- whose disposition it is
  via              text not null check (via in ('api', 'phone')),
  at               timestamptz not null,
  replaced_at      timestamptz
);
call guard('call_disposition');
create unique index call_disposition_now on call_disposition (call_id) where replaced_at is null;
create index call_disposition_call on call_disposition (call_id, at);
create index call_disposition_list on call_disposition (tenant_id, code, call_id) where replaced_at is null;
create index call_disposition_meaning on call_disposition (tenant_id, maps_to, call_id) where replaced_at is null;

create table call_note (
  id         uuid primary key,
  tenant_id  uuid not null,
  call_id    uuid not null,
  text       text not null check (length(text) between 1 and 4000),
  made_by    uuid not null,
  agent_id   uuid,                                   -- where the key stands for one
  at         timestamptz not null
);
call guard('call_note');
create index call_note_call on call_note (call_id, at);

-- What is no fact of its call yet. Deleted when it is.
create table call_remark (
  id         uuid primary key,                       -- of the row that it tells of
  n          bigint generated always as identity,    -- the order
  tenant_id  uuid not null,
  call_id    uuid not null,
  at         timestamptz not null,
  fact       jsonb not null check (fact ->> 'kind' in ('call.noted', 'call.disposition_set'))
);
call guard('call_remark');
create index call_remark_order on call_remark (n);

create function notify_remark() returns trigger
  language plpgsql as $$
begin
  perform pg_notify('m3voip_remark', '');
  return null;
end
$$;
create trigger notify_remark after insert on call_remark for each statement execute function notify_remark();

grant select on disposition_code to m3voip_engine, m3voip_api;
grant insert on disposition_code to m3voip_api;
grant update (label, required, number, active) on disposition_code to m3voip_api;
-- The engine's role sets dispositions by phone.
grant select, insert, update (replaced_at) on call_disposition to m3voip_api, m3voip_engine;
grant select, insert on call_note to m3voip_api;
grant select, insert on call_remark to m3voip_api;
grant select, insert, delete on call_remark to m3voip_engine;
