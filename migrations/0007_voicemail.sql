-- Voicemail as a whole: the box's limits, PIN and greeting; what becomes of a message, and who has to be told of it.
--
-- The rows of `voicemail` are the truth about messages (docs/adr/0010-voicemail.md): whoever hears, deletes or forwards one,
-- by phone or by the API, changes its row and leaves a row in voicemail_change in the same transaction. The service makes
-- facts of those, and sets the phones' lamps by what the rows say.

alter table tenant
  add column voicemail_retention_days integer not null default 0 check (voicemail_retention_days between 0 and 3650),
  add column voicemail_bin_days integer not null default 7 check (voicemail_bin_days between 0 and 365);
comment on column tenant.voicemail_retention_days is 'messages are removed after so many days; 0 = kept';
comment on column tenant.voicemail_bin_days is 'a deleted message can be restored for so many days';

alter table mailbox
  drop column pin_hash,
  add column retention_days integer check (retention_days between 0 and 3650),  -- null = the tenant's; 0 = kept
  add column max_messages integer not null default 500 check (max_messages between 1 and 9999),
  add column max_message_s integer not null default 300 check (max_message_s between 5 and 3600);

-- What opens a box from another phone. Wrong tries in a row close it for a while.
create table mailbox_pin (
  mailbox_id    uuid primary key,
  tenant_id     uuid not null references tenant,
  hash          text not null check (hash <> ''),  -- scrypt, see storage/postgres/pins.py
  failures      integer not null default 0,
  locked_until  timestamptz,
  set_at        timestamptz not null default now(),
  foreign key (tenant_id, mailbox_id) references mailbox (tenant_id, id) on delete cascade
);

-- What callers of a box hear instead of its text: uploaded, or spoken into the owner's phone. Small, and needed by every
-- telephony node, so it lives here and not in the vault.
create table mailbox_greeting (
  mailbox_id   uuid primary key,
  tenant_id    uuid not null references tenant,
  audio        bytea not null check (length(audio) between 1 and 8388608),  -- FLAC, one channel, 16 kHz
  sha256       text not null check (sha256 ~ '^[0-9a-f]{64}$'),             -- of audio; names the prompt
  duration_s   double precision not null,
  source       text not null check (source in ('upload', 'phone')),
  recorded_at  timestamptz not null default now(),
  foreign key (tenant_id, mailbox_id) references mailbox (tenant_id, id) on delete cascade
);

alter table voicemail
  add column removed_at timestamptz,                   -- deleted by somebody; deleted_at is when the file went
  add column note text not null default '' check (length(note) <= 500),
  add column forwarded_from uuid;                      -- the message that this one is a copy of
create index voicemail_here on voicemail (tenant_id, box) where removed_at is null and deleted_at is null;
create index voicemail_removed on voicemail (removed_at) where removed_at is not null and deleted_at is null;
create index voicemail_age on voicemail (stored_at) where deleted_at is null;
create index voicemail_key on voicemail (key) where deleted_at is null;

-- What was done to a message and has not become a fact yet. Deleted when it has.
create table voicemail_change (
  id            uuid primary key default gen_random_uuid(),
  n             bigint generated always as identity,   -- the order
  tenant_id     uuid not null,
  call_id       uuid not null,
  voicemail_id  uuid not null,
  box           text not null,
  kind          text not null check (kind in ('read', 'unread', 'deleted', 'restored', 'forwarded', 'purged')),
  by            text not null check (by in ('api', 'phone', 'retention')),
  source        uuid,                                  -- of a forwarded message: the one it was copied from
  at            timestamptz not null default now()
);
create index voicemail_change_order on voicemail_change (n);

do $$
declare
  name text;
begin
  foreach name in array '{mailbox_pin,mailbox_greeting,voicemail_change}'::text[] loop
    call guard(name::regclass);
  end loop;
end
$$;

-- Tells the service that messages came or changed.
create function notify_voicemail() returns trigger
  language plpgsql as $$
begin
  perform pg_notify('m3voip_voicemail', tg_table_name);
  return null;
end
$$;
create trigger notify_voicemail after insert or update on voicemail
  for each statement execute function notify_voicemail();
create trigger notify_voicemail after insert on voicemail_change
  for each statement execute function notify_voicemail();

-- The engine's role is also the phones' menu (m3voip agi).
grant select, insert, update, delete on mailbox_pin, mailbox_greeting, voicemail_change to m3voip_engine;
-- A hash can be written and not read back.
grant insert, update, delete on mailbox_pin to m3voip_api;
grant select (tenant_id, mailbox_id, failures, locked_until, set_at) on mailbox_pin to m3voip_api;
grant select, insert, update, delete on mailbox_greeting to m3voip_api;
grant insert, select on voicemail_change to m3voip_api;
grant insert on voicemail to m3voip_api;
grant update (box, heard_at, removed_at) on voicemail to m3voip_api;
grant update (voicemail_retention_days, voicemail_bin_days) on tenant to m3voip_api;
