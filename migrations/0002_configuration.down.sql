alter table tenant drop column floor_queue_id, drop column floor_mailbox_id;
revoke update on tenant from m3voip_api;
drop table blocked_caller, did, ivr_tree_version, ivr_tree, trunk, queue_member cascade;
drop table queue, mailbox, agent cascade;
