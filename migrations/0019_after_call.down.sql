drop table call_remark, call_note, call_disposition;
drop function notify_remark;
drop trigger dispositions on tenant;
drop function new_tenant_dispositions;
drop function standard_dispositions;
drop table disposition_code;
