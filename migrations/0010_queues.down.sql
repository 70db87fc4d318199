drop trigger short_abandon on queue_visit;
drop trigger short_abandon_new on queue_visit;
drop function mark_short_abandon();
alter table queue_visit drop column short_abandoned;
alter table queue
  drop column skill_rule,
  drop column short_abandon_s,
  drop column join_announcement,
  drop column agent_announcement,
  drop column periodic_announcements,
  drop column periodic_interval_s;
drop function are_announcements(jsonb);
drop function is_announcement(jsonb);
drop function is_skill_rule(jsonb);
drop table agent_skill;
