revoke insert on voicemail from m3voip_api;
revoke update (box, removed_at) on voicemail from m3voip_api;
drop trigger notify_voicemail on voicemail;
drop table voicemail_change, mailbox_greeting, mailbox_pin;
drop function notify_voicemail();
alter table voicemail drop column removed_at, drop column note, drop column forwarded_from;
alter table mailbox drop column retention_days, drop column max_messages, drop column max_message_s,
  add column pin_hash text not null default '';
alter table tenant drop column voicemail_retention_days, drop column voicemail_bin_days;
drop index voicemail_age, voicemail_key;
