-- Browsers get secrets that end by themselves: when ha1_expires_at has come, the engine puts a digest there that nobody knows
-- the secret of. Null: the secret lasts until it is rotated.
alter table agent add column ha1_expires_at timestamptz;
create index on agent (ha1_expires_at) where ha1_expires_at is not null;

grant select (ha1_expires_at) on agent to m3voip_api;
grant update (ha1, ha1_expires_at, updated_at) on agent to m3voip_engine;
