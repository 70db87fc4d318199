-- Which carrier takes a call out: the order of trunks, what they can take, and what they cost.

alter table trunk
  add column priority integer not null default 100 check (priority between 0 and 1000),           -- lower is tried earlier
  add column max_calls_per_s integer not null default 0 check (max_calls_per_s between 0 and 10000),  -- 0 = any number
  add column currency text not null default '' check (currency ~ '^([A-Z]{3})?$');                -- of its rate deck

-- A carrier's rate deck: what a minute costs to numbers that begin so. The longest prefix counts.
create table rate (
  trunk_id    uuid not null,
  tenant_id   uuid not null references tenant,
  prefix      text not null check (prefix ~ '^[0-9]{1,15}$'),
  per_minute  numeric(12, 4) not null check (per_minute >= 0),  -- in minor units of the trunk's currency
  primary key (trunk_id, prefix),
  foreign key (tenant_id, trunk_id) references trunk (tenant_id, id) on delete cascade
);
call guard('rate');
create trigger notify_config after insert or update or delete on rate for each statement execute function notify_config();
grant select on rate to m3voip_engine;
grant select, insert, delete on rate to m3voip_api;
grant select (priority, max_calls_per_s, currency) on trunk to m3voip_api;
