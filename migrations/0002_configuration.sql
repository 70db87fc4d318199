-- Configuration: what the provisioner writes into Asterisk and what the engine routes by.
--
-- Names and numbers are whitelisted here as well as where they are used (invariant 4: nothing typed by a person becomes
-- an Asterisk name unchecked). References carry the tenant, because foreign keys do not look at row-level security: with
-- (tenant_id, queue_id) a row cannot point at another tenant's queue.

-- A person who answers calls, and the phone they use.
create table agent (
  id            uuid primary key default gen_random_uuid(),
  tenant_id     uuid not null references tenant,
  extension     text not null check (extension ~ '^[0-9]{2,8}$'),
  display_name  text not null check (length(display_name) <= 40 and display_name !~ '[[:cntrl:]";<>\\\[\]]'),
  -- SIP user and endpoint name: random, so that nobody can guess it from the extension.
  endpoint      text not null unique check (endpoint ~ '^e[0-9a-f]{10}$'),
  phone_kind    text not null default 'desk_tls' check (phone_kind in ('desk_tls', 'desk_udp', 'softphone', 'browser')),
  -- md5(endpoint:asterisk:secret). The secret is shown once when it is made and never stored. '' = cannot register.
  ha1           text not null default '' check (ha1 ~ '^([0-9a-f]{32})?$'),
  mailbox_id    uuid,
  active        boolean not null default true,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, extension)
);

-- A voicemail box. It is opened only from the phone it belongs to; pin_hash is kept for opening it from elsewhere.
create table mailbox (
  id              uuid primary key default gen_random_uuid(),
  tenant_id       uuid not null references tenant,
  box             text not null check (box ~ '^[0-9]{2,10}$'),
  owner_name      text not null default '' check (length(owner_name) <= 40 and owner_name !~ '[[:cntrl:]";<>\\\[\]]'),
  pin_hash        text not null default '',
  owner_agent_id  uuid,
  owner_queue_id  uuid,
  greeting        text not null default '',  -- text to be spoken; '' = Asterisk's own
  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, box),
  check (num_nonnulls(owner_agent_id, owner_queue_id) <= 1)
);

-- Where calls wait for agents. Durations are seconds; 0 = none / no limit.
create table queue (
  id                   uuid primary key default gen_random_uuid(),
  tenant_id            uuid not null references tenant,
  name                 text not null check (name ~ '^[a-z0-9][a-z0-9-]{0,31}$' and name <> 'general'),
  -- app_queue's own names; the mission's round-robin is rrmemory.
  strategy             text not null default 'rrmemory' check (strategy in
                         ('ringall', 'leastrecent', 'fewestcalls', 'random', 'rrmemory', 'rrordered', 'linear', 'wrandom')),
  ring_timeout_s       integer not null default 15 check (ring_timeout_s between 1 and 300),
  retry_s              integer not null default 1 check (retry_s between 1 and 60),
  wrapup_s             integer not null default 0 check (wrapup_s between 0 and 3600),
  max_wait_s           integer not null default 300 check (max_wait_s between 0 and 86400),
  maxlen               integer not null default 0 check (maxlen between 0 and 100000),
  weight               integer not null default 0 check (weight between 0 and 1000),
  announce_interval_s  integer not null default 30 check (announce_interval_s between 0 and 3600),
  announce_position    boolean not null default true,
  announce_holdtime    text not null default 'yes' check (announce_holdtime in ('no', 'once', 'yes')),
  music                text not null default 'default' check (music ~ '^[a-z0-9_-]{1,32}$'),
  -- What makes a member not count when app_queue asks whether the queue is empty; {} = the caller always waits.
  join_empty           text[] not null default '{}' check (join_empty <@
                         '{paused,penalty,inuse,ringing,unavailable,invalid,unknown,wrapup}'::text[]),
  leave_empty          text[] not null default '{}' check (leave_empty <@
                         '{paused,penalty,inuse,ringing,unavailable,invalid,unknown,wrapup}'::text[]),
  overflow_queue_id    uuid,
  mailbox_id           uuid,
  record               boolean not null default true,
  service_level_s      integer not null default 20 check (service_level_s between 1 and 3600),
  active               boolean not null default true,
  created_at           timestamptz not null default now(),
  updated_at           timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, overflow_queue_id) references queue (tenant_id, id) on delete set null (overflow_queue_id),
  foreign key (tenant_id, mailbox_id) references mailbox (tenant_id, id) on delete set null (mailbox_id),
  check (overflow_queue_id <> id)
);

alter table agent
  add foreign key (tenant_id, mailbox_id) references mailbox (tenant_id, id) on delete set null (mailbox_id);
alter table mailbox
  add foreign key (tenant_id, owner_agent_id) references agent (tenant_id, id) on delete set null (owner_agent_id),
  add foreign key (tenant_id, owner_queue_id) references queue (tenant_id, id) on delete set null (owner_queue_id);

create index on agent (tenant_id, mailbox_id) where mailbox_id is not null;
create index on mailbox (tenant_id, owner_agent_id) where owner_agent_id is not null;
create index on mailbox (tenant_id, owner_queue_id) where owner_queue_id is not null;
create index on queue (tenant_id, overflow_queue_id) where overflow_queue_id is not null;
create index on queue (tenant_id, mailbox_id) where mailbox_id is not null;

-- Which agents serve which queue. Asterisk owns who is logged in and paused at this moment; paused here is how a member
-- starts when Asterisk does.
create table queue_member (
  tenant_id   uuid not null references tenant,
  queue_id    uuid not null,
  agent_id    uuid not null,
  penalty     integer not null default 0 check (penalty between 0 and 100),
  paused      boolean not null default false,
  reason      text not null default '' check (length(reason) <= 100 and reason !~ '[[:cntrl:]]'),
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  primary key (queue_id, agent_id),
  foreign key (tenant_id, queue_id) references queue (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references agent (tenant_id, id) on delete cascade
);
create index on queue_member (tenant_id, agent_id);

-- A carrier. 'ip': its calls are told by its addresses. 'registration': we register there.
create table trunk (
  id            uuid primary key default gen_random_uuid(),
  tenant_id     uuid not null references tenant,
  name          text not null check (name ~ '^[a-z0-9-]{1,32}$'),
  kind          text not null check (kind in ('ip', 'registration')),
  host          text not null default '' check (host ~ '^([A-Za-z0-9.:\[\]-]{1,253})?$'),
  port          integer not null default 5060 check (port between 1 and 65535),
  transport     text not null default 'udp' check (transport in ('udp', 'tcp', 'tls')),
  addresses     cidr[] not null default '{}',
  username      text not null default '' check (username ~ '^[A-Za-z0-9+._-]{0,64}$'),
  -- The carrier's password; Asterisk has to know it. The API may write it and cannot read it (see the grants).
  secret        text not null default '' check (secret ~ '^[A-Za-z0-9!#$%&()*+,./:<=>?@^_{|}~-]{0,128}$'),
  contact_user  text not null default '' check (contact_user ~ '^[A-Za-z0-9+._-]{0,64}$'),
  caller_id     text not null default '' check (caller_id ~ '^(\+[1-9][0-9]{5,14})?$'),
  max_channels  integer not null default 0 check (max_channels between 0 and 100000),
  active        boolean not null default true,
  created_at    timestamptz not null default now(),
  updated_at    timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  check (kind <> 'registration' or (host <> '' and username <> '')),
  check (kind <> 'ip' or cardinality(addresses) > 0)
);

-- An IVR tree and its versions. A version is never changed: a call keeps the one it began with.
create table ivr_tree (
  id          uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant,
  name        text not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name)
);
create table ivr_tree_version (
  tree_id     uuid not null,
  tenant_id   uuid not null references tenant,
  version     integer not null check (version > 0),
  source      text not null,  -- the YAML as it was written
  sha256      text not null check (sha256 ~ '^[0-9a-f]{64}$'),
  active      boolean not null default false,
  created_at  timestamptz not null default now(),
  primary key (tree_id, version),
  foreign key (tenant_id, tree_id) references ivr_tree (tenant_id, id) on delete cascade
);
-- What new calls get: at most one version a tree.
create unique index ivr_tree_version_active on ivr_tree_version (tree_id) where active;

-- A number that people call. It leads to a tree or straight to a queue; the floor is where plain Asterisk sends the caller
-- while the service is away.
create table did (
  id                uuid primary key default gen_random_uuid(),
  tenant_id         uuid not null references tenant,
  number            text not null check (number ~ '^\+[1-9][0-9]{2,14}$'),
  -- How the dialplan matches it. Unique over all tenants: a number has one owner.
  digits            text generated always as (substr(number, 2)) stored unique,
  label             text not null default '' check (length(label) <= 100),
  tree_id           uuid,
  queue_id          uuid,
  floor_queue_id    uuid,
  floor_mailbox_id  uuid,
  trunk_id          uuid,
  active            boolean not null default true,
  created_at        timestamptz not null default now(),
  updated_at        timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, tree_id) references ivr_tree (tenant_id, id),
  foreign key (tenant_id, queue_id) references queue (tenant_id, id),
  foreign key (tenant_id, floor_queue_id) references queue (tenant_id, id),
  foreign key (tenant_id, floor_mailbox_id) references mailbox (tenant_id, id),
  foreign key (tenant_id, trunk_id) references trunk (tenant_id, id) on delete set null (trunk_id),
  constraint did_target check (num_nonnulls(tree_id, queue_id) = 1)
);
create index on did (tenant_id, tree_id) where tree_id is not null;
create index on did (tenant_id, queue_id) where queue_id is not null;
create index on did (tenant_id, floor_queue_id) where floor_queue_id is not null;
create index on did (tenant_id, floor_mailbox_id) where floor_mailbox_id is not null;
create index on did (tenant_id, trunk_id) where trunk_id is not null;

-- Callers of numbers without a did row, while the service is away.
alter table tenant
  add column floor_queue_id uuid,
  add column floor_mailbox_id uuid,
  add foreign key (tenant_id, floor_queue_id) references queue (tenant_id, id) on delete set null (floor_queue_id),
  add foreign key (tenant_id, floor_mailbox_id) references mailbox (tenant_id, id) on delete set null (floor_mailbox_id);

-- A caller who is turned away.
create table blocked_caller (
  id          uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant,
  digits      text not null check (digits ~ '^[0-9]{2,15}$'),
  reason      text not null default '' check (length(reason) <= 500),
  until       timestamptz,  -- null = for good
  created_at  timestamptz not null default now(),
  unique (tenant_id, digits)
);

do $$
declare
  name text;
begin
  foreach name in array '{agent,mailbox,queue,queue_member,trunk,ivr_tree,ivr_tree_version,did,blocked_caller}'::text[] loop
    call guard(name::regclass);
    execute format('create trigger notify_config after insert or update or delete on %I '
                   'for each statement execute function notify_config()', name);
    if name not in ('ivr_tree_version', 'blocked_caller') then
      execute format('create trigger touch before update on %I for each row execute function touch()', name);
    end if;
  end loop;
end
$$;

-- The engine reads configuration; it writes only what it learns itself: trees from files, and pauses.
grant select on agent, mailbox, queue, queue_member, trunk, ivr_tree, ivr_tree_version, did, blocked_caller to m3voip_engine;
grant insert, update on ivr_tree, ivr_tree_version to m3voip_engine;
grant update (paused, reason, updated_at) on queue_member to m3voip_engine;

grant select, insert, update, delete on mailbox, queue, queue_member, ivr_tree, did, blocked_caller to m3voip_api;
grant select, insert on ivr_tree_version to m3voip_api;
grant update (active) on ivr_tree_version to m3voip_api;
grant update (name, time_zone, floor_queue_id, floor_mailbox_id, updated_at) on tenant to m3voip_api;
-- Secrets can be written and not read back, so the API names its columns (no `select *`, no `returning *`).
grant insert, update, delete on agent, trunk to m3voip_api;
grant select (id, tenant_id, extension, display_name, endpoint, phone_kind, mailbox_id, active, created_at, updated_at)
  on agent to m3voip_api;
grant select (id, tenant_id, name, kind, host, port, transport, addresses, username, contact_user, caller_id, max_channels,
              active, created_at, updated_at) on trunk to m3voip_api;
