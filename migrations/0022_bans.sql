-- Addresses that may not talk SIP to this node for a while (docs/adr/0016-bans.md), and those where phones of ours have been,
-- which are never banned. Both belong to whoever runs the node, whose tenant the service is started with.

create table sip_ban (
  id         uuid primary key,
  tenant_id  uuid not null references tenant,
  source     cidr not null,
  why        text not null check (why in ('unknown_names', 'several_names', 'hammering')),
  since      timestamptz not null default now(),
  until      timestamptz not null,
  earlier    integer not null default 0,    -- bans of this source before, that were not forgiven yet
  lifted_at  timestamptz,
  check (until > since)
);
call guard('sip_ban');
create index sip_ban_source on sip_ban (source, until);
create trigger notify_config after insert or update on sip_ban for each statement execute function notify_config();

create table sip_home (
  tenant_id  uuid not null references tenant,
  source     cidr not null,
  seen_at    timestamptz not null,
  primary key (tenant_id, source)
);
call guard('sip_home');

grant select on sip_ban to m3voip_api;
grant update (lifted_at) on sip_ban to m3voip_api;
grant select, insert, delete on sip_ban to m3voip_engine;
grant select, insert, delete on sip_home to m3voip_engine;
grant update (seen_at) on sip_home to m3voip_engine;
