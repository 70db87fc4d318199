revoke update (ha1, ha1_expires_at, updated_at) on agent from m3voip_engine;
drop index agent_ha1_expires_at_idx;
alter table agent drop column ha1_expires_at;
