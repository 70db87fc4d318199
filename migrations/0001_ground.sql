-- Ground: who may do what, the tenant, and the rules that every later table follows.
--
-- Three roles, made by whoever made the database (`m3voip stack`, or your administrator) with `create role … login`:
--   m3voip_owner   owns the schema; runs these files and nothing else
--   m3voip_engine  the engine: reads and writes calls of every tenant, reads the configuration
--   m3voip_api     the API: sees only the tenant that it has named with SET LOCAL m3voip.tenant_id
--
-- Row-level security is enabled AND forced on every table, and each role gets a policy of its own, so a table without
-- policies, or a connection that named no tenant, shows nothing. Grants are by role as well: policies say which rows,
-- grants say which verbs.

do $$
declare
  missing text;
begin
  select string_agg(name, ', ') into missing
    from unnest(array['m3voip_owner', 'm3voip_engine', 'm3voip_api']) as name
   where not exists (select from pg_roles where rolname = name);
  if missing is not null then
    raise exception 'roles missing: %', missing
      using hint = 'Create them as a superuser: create role m3voip_owner login; create role m3voip_engine login; '
                   'create role m3voip_api login; alter database … owner to m3voip_owner;';
  end if;
  if current_user <> 'm3voip_owner' then
    raise exception 'migrations run as m3voip_owner, not as %', current_user;
  end if;
end
$$;

revoke all on schema public from public;
grant usage on schema public to m3voip_engine, m3voip_api;

-- The tenant named by this transaction, or null (which equals nothing, so no row is seen). Inlined by the planner.
create function current_tenant() returns uuid
  language sql stable parallel safe
  return nullif(current_setting('m3voip.tenant_id', true), '')::uuid;

-- Puts a table under the rule above. Called once for every table, in the file that makes it.
create procedure guard(target regclass)
  language plpgsql as $$
begin
  execute format('alter table %s enable row level security', target);
  execute format('alter table %s force row level security', target);
  -- The owner needs it for migrations; nothing connects as the owner otherwise.
  execute format('create policy owner on %s to m3voip_owner using (true) with check (true)', target);
  execute format('create policy engine on %s to m3voip_engine using (true) with check (true)', target);
  execute format(
    'create policy api on %s to m3voip_api using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())',
    target);
end
$$;

-- Tells listeners that configuration changed; the payload is the table. Postgres folds equal notices of one transaction.
create function notify_config() returns trigger
  language plpgsql as $$
begin
  perform pg_notify('m3voip_config', tg_table_name);
  return null;
end
$$;

-- Keeps updated_at true whoever writes.
create function touch() returns trigger
  language plpgsql as $$
begin
  new.updated_at := now();
  return new;
end
$$;

-- A company. Its own id doubles as tenant_id, so that the rule above holds for this table too.
create table tenant (
  tenant_id   uuid primary key,
  name        text not null check (name <> '' and length(name) <= 100),
  time_zone   text not null default 'UTC',
  created_at  timestamptz not null default now(),
  updated_at  timestamptz not null default now()
);
call guard('tenant');
grant select on tenant to m3voip_engine, m3voip_api;

create trigger touch before update on tenant for each row execute function touch();
create trigger notify_config after insert or update or delete on tenant for each statement execute function notify_config();

-- A single-company installation (m3voip.config.DEFAULT_TENANT).
insert into tenant (tenant_id, name) values ('00000000-0000-7000-8000-000000000001', 'default');
