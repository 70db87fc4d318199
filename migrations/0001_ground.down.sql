drop table tenant;
drop function touch();
drop function notify_config();
drop procedure guard(regclass);
drop function current_tenant();
revoke usage on schema public from m3voip_engine, m3voip_api;
grant usage on schema public to public;
