-- Queues: what agents can, what a queue demands of them, what it says, and when a caller who left was never really there.

-- How well an agent can do something, 0 to 100. A skill that is not here is level 0.
create table agent_skill (
  tenant_id   uuid not null references tenant,
  agent_id    uuid not null,
  skill       text not null check (skill ~ '^[a-z][a-z0-9_]{0,31}$' and skill not in ('and', 'or')),
  level       integer not null check (level between 0 and 100),
  primary key (agent_id, skill),
  foreign key (tenant_id, agent_id) references agent (tenant_id, id) on delete cascade
);
create index on agent_skill (tenant_id, agent_id);
call guard('agent_skill');
create trigger notify_config after insert or update or delete on agent_skill
  for each statement execute function notify_config();
grant select on agent_skill to m3voip_engine;
grant select, insert, update, delete on agent_skill to m3voip_api;

-- skill_rule: [{"after_s": 0, "require": "english >= 70"}, …]; core/skills.py reads it and says what can be a rule.
-- Announcements: {"text": …} to be spoken or {"file": …} of the prompt folder.
create function is_skill_rule(rule jsonb) returns boolean
  language sql immutable parallel safe
  return jsonb_typeof(rule) = 'array' and not jsonb_path_exists(rule,
    '$[*] ? (!(@.after_s.type() == "number") || !(@.require.type() == "string") || @.after_s.floor() != @.after_s)');
create function is_announcement(said jsonb) returns boolean
  language sql immutable parallel safe strict
  return coalesce(jsonb_typeof(said -> 'text') = 'string', false) <> coalesce(jsonb_typeof(said -> 'file') = 'string', false);
create function are_announcements(said jsonb) returns boolean
  language sql immutable parallel safe
  return jsonb_typeof(said) = 'array' and coalesce((select bool_and(is_announcement(one)) from jsonb_array_elements(said) as one), true);

alter table queue
  add column skill_rule              jsonb not null default '[]' check (is_skill_rule(skill_rule)),
  add column short_abandon_s         integer not null default 5 check (short_abandon_s between 0 and 600),
  add column join_announcement       jsonb check (is_announcement(join_announcement)),
  add column agent_announcement      jsonb check (is_announcement(agent_announcement)),
  add column periodic_announcements  jsonb not null default '[]' check (are_announcements(periodic_announcements)),
  add column periodic_interval_s     integer not null default 60 check (periodic_interval_s between 5 and 3600);

-- Whether the caller who abandoned had waited no longer than the queue's short_abandon_s, as it was then.
alter table queue_visit add column short_abandoned boolean not null default false;

create function mark_short_abandon() returns trigger
  language plpgsql as $$
begin
  new.short_abandoned := coalesce(new.waited_s <= nullif((select q.short_abandon_s from queue q where q.id = new.queue_id), 0), false);
  return new;
end
$$;
create trigger short_abandon_new before insert on queue_visit
  for each row when (new.outcome = 'abandoned') execute function mark_short_abandon();
create trigger short_abandon before update on queue_visit
  for each row when (new.outcome = 'abandoned' and old.outcome is null) execute function mark_short_abandon();
