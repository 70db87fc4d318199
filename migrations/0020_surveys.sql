-- Surveys: trees whose callers are asked what they think, by an agent's transfer or by the queue after the talk.

alter table queue
  add column survey_tree_id uuid,  -- where a caller goes whose agent hangs up first
  add foreign key (tenant_id, survey_tree_id) references ivr_tree (tenant_id, id);
create index on queue (tenant_id, survey_tree_id) where survey_tree_id is not null;

-- A caller's way through a survey: by the fact survey.entered. extension and queue are those of the talk before it.
create table survey_visit (
  call_id    uuid not null,
  seq        integer not null,
  tenant_id  uuid not null,
  tree       text not null,
  extension  text not null default '',
  queue      text not null default '',
  by_queue   boolean not null default false,  -- the queue's own setting, not an agent, sent the caller there
  at         timestamptz not null,
  primary key (call_id, seq)
);
call guard('survey_visit');
create index survey_visit_list on survey_visit (tenant_id, tree, at);

-- What a caller answered: by the fact survey.answered. Of two answers to a question in one visit the later counts.
create table survey_answer (
  call_id    uuid not null,
  seq        integer not null,
  visit      integer not null,                -- seq of the survey_visit
  tenant_id  uuid not null,
  tree       text not null,
  node       text not null,
  name       text not null,
  value      text not null,
  at         timestamptz not null,
  primary key (call_id, seq)
);
call guard('survey_answer');
create index survey_answer_visit on survey_answer (call_id, visit);
create index survey_answer_list on survey_answer (tenant_id, tree, call_id, seq);

grant select, insert on survey_visit, survey_answer to m3voip_engine;
grant select on survey_visit, survey_answer to m3voip_api;

-- record_facts_v1 and, in the same transaction, what callers said in surveys: surveys [{…}] visits that began, answers [{…}].
create function record_facts_v2(
  strict boolean, size integer, events jsonb, started jsonb, moved jsonb, legs jsonb, talks jsonb, ended jsonb,
  visits jsonb, visited jsonb, stored jsonb, outbox jsonb, surveys jsonb, answers jsonb
) returns bigint
  language plpgsql as $$
declare
  first_id bigint;
begin
  first_id := record_facts_v1(strict, size, events, started, moved, legs, talks, ended, visits, visited, stored, outbox);
  if surveys is not null then
    insert into survey_visit (call_id, seq, tenant_id, tree, extension, queue, by_queue, at)
    select d.call_id, d.seq, d.tenant_id, d.tree, d.extension, d.queue, d.by_queue, d.at
      from jsonb_to_recordset(surveys) as d (call_id uuid, seq integer, tenant_id uuid, tree text, extension text, queue text,
                                             by_queue boolean, at timestamptz)
    on conflict do nothing;
  end if;
  if answers is not null then
    insert into survey_answer (call_id, seq, visit, tenant_id, tree, node, name, value, at)
    select d.call_id, d.seq,
           (select max(v.seq) from survey_visit v where v.call_id = d.call_id and v.seq < d.seq),
           d.tenant_id, d.tree, d.node, d.name, d.value, d.at
      from jsonb_to_recordset(answers) as d (call_id uuid, seq integer, tenant_id uuid, tree text, node text, name text,
                                             value text, at timestamptz)
    on conflict do nothing;
  end if;
  return first_id;
end
$$;
revoke all on function record_facts_v2 from public;
grant execute on function record_facts_v2 to m3voip_engine;
