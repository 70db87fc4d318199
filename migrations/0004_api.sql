-- What the API keeps for itself: keys, answers to repeated requests, who did what.

-- An API key. Its text is shown once; the database holds an HMAC whose pepper it does not hold.
create table api_key (
  id            uuid primary key default gen_random_uuid(),
  tenant_id     uuid not null references tenant,
  name          text not null check (length(name) between 1 and 100),
  prefix        text not null unique check (prefix ~ '^[a-z0-9]{8,16}$'),
  digest        bytea not null check (length(digest) = 32),
  scopes        text[] not null,
  cidrs         cidr[] not null default '{}',  -- where it may be used from; {} = anywhere
  created_at    timestamptz not null default now(),
  expires_at    timestamptz,
  last_used_at  timestamptz,
  revoked_at    timestamptz
);
call guard('api_key');
-- Before the tenant is known a request may look at the one key whose prefix it was sent, and note its use.
create policy api_by_prefix on api_key for select to m3voip_api
  using (prefix = current_setting('m3voip.key_prefix', true));
create policy api_note_use on api_key for update to m3voip_api
  using (prefix = current_setting('m3voip.key_prefix', true))
  with check (prefix = current_setting('m3voip.key_prefix', true));
create index api_key_list on api_key (tenant_id, id);
grant select, insert on api_key to m3voip_api;
grant update (name, scopes, cidrs, expires_at, last_used_at, revoked_at) on api_key to m3voip_api;

-- The answer to a create or send with an Idempotency-Key: the same key gets the same answer, with another body CONFLICT.
create table idempotency_key (
  tenant_id   uuid not null references tenant,
  subject     uuid not null,      -- whose key namespace: the API key's or the user's id
  key         text not null check (length(key) between 1 and 200),
  request     bytea not null,     -- sha256 of method, path and body
  status      integer,            -- null while the first request is being worked on
  headers     jsonb not null default '{}',
  body        bytea,
  created_at  timestamptz not null default now(),
  primary key (tenant_id, subject, key)
);
call guard('idempotency_key');
create index idempotency_key_age on idempotency_key (created_at);
grant select, insert, update, delete on idempotency_key to m3voip_api;
grant select, delete on idempotency_key to m3voip_engine;  -- clears old ones

-- Who did what. Append-only: nobody but the owner may change or delete a row.
create table audit (
  id         bigint generated always as identity primary key,
  tenant_id  uuid not null references tenant,
  at         timestamptz not null default now(),
  subject    uuid,                -- the key or user
  action     text not null,       -- e.g. 'agent.create', 'recording.link'
  object     text not null default '',
  details    jsonb not null default '{}'
);
call guard('audit');
create index audit_list on audit (tenant_id, id);
grant select, insert on audit to m3voip_api;
grant insert on audit to m3voip_engine;
