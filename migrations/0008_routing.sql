-- Routes: where the calls of a number go, by rules; and the lists of callers that the rules know.
--
-- A route's document is JSON as the API took it (src/m3voip/routing/model.py); a version is never changed. What the current
-- version leads to stands in route_target as well, so that the database keeps a queue that a route needs.

create table route (
  id          uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant,
  name        text not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
  version     integer not null default 1 check (version > 0),  -- what new calls get
  -- Keys the hash by which splits tell callers apart, so that nobody can choose a branch by choosing a number.
  split_key   bytea not null default uuid_send(gen_random_uuid()) check (length(split_key) between 16 and 64),
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name)
);

create table route_version (
  route_id    uuid not null,
  tenant_id   uuid not null references tenant,
  version     integer not null check (version > 0),
  document    jsonb not null,
  created_at  timestamptz not null default now(),
  primary key (route_id, version),
  foreign key (tenant_id, route_id) references route (tenant_id, id) on delete cascade
);

create table route_target (
  route_id    uuid not null,
  tenant_id   uuid not null references tenant,
  field       text not null,  -- where in the document: 'otherwise', 'rules.0.to'
  tree_id     uuid,
  queue_id    uuid,
  mailbox_id  uuid,
  agent_id    uuid,
  kind        text not null generated always as (
                case when tree_id is not null then 'tree' when queue_id is not null then 'queue'
                     when mailbox_id is not null then 'mailbox' else 'agent' end) stored,
  primary key (route_id, field),
  foreign key (tenant_id, route_id) references route (tenant_id, id) on delete cascade,
  foreign key (tenant_id, tree_id) references ivr_tree (tenant_id, id),
  foreign key (tenant_id, queue_id) references queue (tenant_id, id),
  foreign key (tenant_id, mailbox_id) references mailbox (tenant_id, id),
  foreign key (tenant_id, agent_id) references agent (tenant_id, id),
  check (num_nonnulls(tree_id, queue_id, mailbox_id, agent_id) = 1)
);
create index on route_target (tenant_id, tree_id) where tree_id is not null;
create index on route_target (tenant_id, queue_id) where queue_id is not null;
create index on route_target (tenant_id, mailbox_id) where mailbox_id is not null;
create index on route_target (tenant_id, agent_id) where agent_id is not null;

-- A caller whom rules know: on the list 'vip', say. Blocked callers are another matter: they are turned away before any rule.
create table listed_caller (
  id          uuid primary key default gen_random_uuid(),
  tenant_id   uuid not null references tenant,
  list        text not null default 'vip' check (list ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
  digits      text not null check (digits ~ '^[0-9]{2,15}$'),
  language    text not null default '' check (language ~ '^([a-z]{2})?$'),
  note        text not null default '' check (length(note) <= 500),
  until       timestamptz,  -- null = for good
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, list, digits)
);

alter table did
  add column route_id uuid,
  add foreign key (tenant_id, route_id) references route (tenant_id, id),
  drop constraint did_target,
  add constraint did_target check (num_nonnulls(tree_id, queue_id, route_id) = 1);
create index on did (tenant_id, route_id) where route_id is not null;

do $$
declare
  name text;
begin
  foreach name in array '{route,route_version,route_target,listed_caller}'::text[] loop
    call guard(name::regclass);
  end loop;
  foreach name in array '{route,listed_caller}'::text[] loop
    execute format('create trigger notify_config after insert or update or delete on %I '
                   'for each statement execute function notify_config()', name);
    execute format('create trigger touch before update on %I for each row execute function touch()', name);
  end loop;
end
$$;

grant select on route, route_version, route_target, listed_caller to m3voip_engine;
grant select, insert, update, delete on route, listed_caller to m3voip_api;
grant select, insert on route_version to m3voip_api;
grant select, insert, delete on route_target to m3voip_api;

-- A call that its route has led on follows another tree than the one it began with: record_facts_v… lets `moved` say so. Old
-- code sends no tree there, and nothing changes for it. Three places of the function change, the rest stays as it is.
do $$
declare
  writer regproc;
  source text;
  changed text;
begin
  for writer in select oid from pg_proc where pronamespace = 'public'::regnamespace and proname ~ '^record_facts_v[0-9]+$' loop
    source := pg_get_functiondef(writer);
    changed := replace(replace(replace(source,
      'last_seq, state, node, queue, visits, extension,', 'last_seq, state, tree, tree_version, node, queue, visits, extension,'),
      'coalesce(d.node, c.node), coalesce(d.queue, c.queue),',
      'coalesce(d.tree, c.tree), coalesce(d.tree_version, c.tree_version), coalesce(d.node, c.node), coalesce(d.queue, c.queue),'),
      'last_seq integer, state text, node text,', 'last_seq integer, state text, tree text, tree_version integer, node text,');
    if length(changed) <> length(source) + 121 then
      raise exception '% is not the function that this file knows', writer;
    end if;
    execute changed;
  end loop;
end
$$;
