-- The one way facts come in: a batch of them and everything computed from them, in one statement, so in one transaction
-- and one round trip. Called only by storage/postgres/commit.py; the arguments are made by storage/postgres/projection.py.
--
-- JSON instead of arrays or COPY: it is the text the journal already holds, so the service encodes a fact once (measured:
-- a third of the client's CPU, the server's within a tenth of COPY's), and COPY cannot write where row-level security is on.
--
--   events   [{call_id, tenant_id, seq, at, fact: {kind, …}}]  in the order in which they happened
--   started  {call_id: …} calls whose first fact is among them;  moved  {call_id: …} the others: what changed, last value wins
--   legs     [{…}] legs that began;  talks  {call_id: …} ends of talks;  ended  {call_id: …} calls that ended
--   visits   [{…}] queue visits that began;  visited  {call_id: …} what happened to a call's latest visit before that
--   stored   recordings and voicemails;  outbox  [{o, …}], o being the fact's place among the events
--
-- strict: every call must be exactly where the batch begins (call.last_seq = first_seq - 1), else the whole batch is
-- refused with SQLSTATE M3001 and nothing is written. Not strict, used after such a refusal: what is there already is
-- skipped, what is missing before it is accepted; the writer has logged it. Answers the id of the first event.
create function record_facts_v1(
  strict boolean, size integer, events jsonb, started jsonb, moved jsonb, legs jsonb, talks jsonb, ended jsonb,
  visits jsonb, visited jsonb, stored jsonb, outbox jsonb
) returns bigint
  language plpgsql
  -- Rows to change are named by arrays, not joined: a plan made while a table was empty must not stay a scan of it.
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  first_id bigint := reserve_event_ids(size);
  hit integer;
  wanted integer;
begin
  if strict then
    insert into call_event (call_id, tenant_id, seq, at, id, kind, payload)
    select e.call_id, e.tenant_id, e.seq, e.at, first_id + e.o - 1, e.fact ->> 'kind', e.fact - 'kind'
      from rows from (jsonb_to_recordset(events) as (call_id uuid, tenant_id uuid, seq integer, at timestamptz, fact jsonb))
           with ordinality as e (call_id, tenant_id, seq, at, fact, o);
  else
    insert into call_event (call_id, tenant_id, seq, at, id, kind, payload)
    select e.call_id, e.tenant_id, e.seq, e.at, first_id + e.o - 1, e.fact ->> 'kind', e.fact - 'kind'
      from rows from (jsonb_to_recordset(events) as (call_id uuid, tenant_id uuid, seq integer, at timestamptz, fact jsonb))
           with ordinality as e (call_id, tenant_id, seq, at, fact, o)
    on conflict do nothing;
  end if;

  if moved is not null then
    update call as c set (
      last_seq, state, node, queue, visits, extension, agent_id, recorded, recording_id, queued_at, connected_at, ended_at,
      duration_s, wait_s, talk_s, end_reason, hangup_cause
    ) = (
      select d.last_seq,
             case when d.state = 'left_queue' then case when c.state = 'floor' then 'floor' else 'ivr' end
                  else coalesce(d.state, c.state) end,
             coalesce(d.node, c.node), coalesce(d.queue, c.queue), coalesce(d.visits, c.visits),
             coalesce(d.extension, c.extension),
             case when d.talks_to is null then c.agent_id
                  else (select a.id from agent a where a.tenant_id = c.tenant_id and a.extension = d.talks_to) end,
             c.recorded or coalesce(d.recorded, false), coalesce(d.recording_id, c.recording_id),
             coalesce(d.queued_at, c.queued_at, d.joined_at), coalesce(d.connected_at, c.connected_at),
             coalesce(d.ended_at, c.ended_at), coalesce(d.duration_s, c.duration_s), c.wait_s + coalesce(d.waited_s, 0),
             coalesce(d.talk_s, c.talk_s + coalesce(d.talked_s, 0)), coalesce(d.end_reason, c.end_reason),
             coalesce(d.hangup_cause, c.hangup_cause)
        from jsonb_to_record(moved -> c.id::text) as d (
          last_seq integer, state text, node text, queue text, visits integer, extension text, talks_to text,
          recorded boolean, recording_id uuid, queued_at timestamptz, joined_at timestamptz, connected_at timestamptz,
          ended_at timestamptz, duration_s float8, waited_s float8, talked_s float8, talk_s float8, end_reason text,
          hangup_cause integer)
    )
    where c.id = any (array(select jsonb_object_keys(moved)::uuid))
      and (c.last_seq = (moved -> c.id::text ->> 'first_seq')::integer - 1
           or (not strict and c.last_seq < (moved -> c.id::text ->> 'first_seq')::integer));
    get diagnostics hit = row_count;
    wanted := (select count(*) from jsonb_object_keys(moved));
    if strict and hit <> wanted then
      raise exception 'facts out of step: % of % calls are not where their next fact begins', wanted - hit, wanted
        using errcode = 'M3001';
    end if;
  end if;

  if started is not null then
    insert into call (id, tenant_id, direction, state, did, caller, caller_name, leg, tree, tree_version, node, queue, visits,
                      extension, agent_id, recorded, recording_id, started_at, queued_at, connected_at, ended_at, duration_s,
                      wait_s, talk_s, end_reason, hangup_cause, last_seq)
    select d.id, d.tenant_id, d.direction, case d.state when 'left_queue' then 'ivr' else d.state end, d.did, d.caller,
           coalesce(d.caller_name, ''), d.leg, coalesce(d.tree, ''), coalesce(d.tree_version, 0), coalesce(d.node, ''),
           coalesce(d.queue, ''), coalesce(d.visits, 0), coalesce(d.extension, ''),
           (select a.id from agent a where a.tenant_id = d.tenant_id and a.extension = d.talks_to),
           coalesce(d.recorded, false), d.recording_id, d.started_at, coalesce(d.queued_at, d.joined_at), d.connected_at,
           d.ended_at, d.duration_s, coalesce(d.waited_s, 0), coalesce(d.talk_s, d.talked_s, 0), d.end_reason,
           d.hangup_cause, d.last_seq
      from jsonb_each(started) as each, jsonb_to_record(each.value) as d (
        id uuid, tenant_id uuid, last_seq integer, direction text, did text, caller text, caller_name text, leg text,
        tree text, tree_version integer, state text, node text, queue text, visits integer, extension text, talks_to text,
        recorded boolean, recording_id uuid, started_at timestamptz, queued_at timestamptz, joined_at timestamptz,
        connected_at timestamptz, ended_at timestamptz, duration_s float8, waited_s float8, talked_s float8, talk_s float8,
        end_reason text, hangup_cause integer);
  end if;

  if legs is not null then
    insert into leg (call_id, seq, tenant_id, role, leg, number, extension, agent_id, started_at)
    select d.call_id, d.seq, d.tenant_id, d.role, coalesce(d.leg, ''), coalesce(d.number, ''), coalesce(d.extension, ''),
           (select a.id from agent a where a.tenant_id = d.tenant_id and a.extension = d.extension), d.at
      from jsonb_to_recordset(legs) as d (
        call_id uuid, seq integer, tenant_id uuid, role text, leg text, number text, extension text, at timestamptz)
    on conflict do nothing;
  end if;
  if talks is not null then
    update leg as l set ended_at = (talks -> l.call_id::text ->> 'at')::timestamptz
     where l.call_id = any (array(select jsonb_object_keys(talks)::uuid)) and l.role = 'agent' and l.ended_at is null
       and l.seq < (talks -> l.call_id::text ->> 'seq')::integer;
  end if;
  if ended is not null then
    update leg as l set ended_at = (ended -> l.call_id::text ->> 'at')::timestamptz,
                        hangup_cause = case l.role when 'caller' then (ended -> l.call_id::text ->> 'cause')::integer end
     where l.call_id = any (array(select jsonb_object_keys(ended)::uuid)) and l.ended_at is null;
  end if;

  if visited is not null then
    -- Plain Asterisk sends callers to queues by itself while the service is away: then the first we hear is that the
    -- queue took the caller in, and the visit begins with that.
    insert into queue_visit (call_id, seq, visit, tenant_id, queue, queue_id, entered_at)
    select d.call_id, d.seq, 1 + (select count(*) from queue_visit v where v.call_id = d.call_id), d.tenant_id, d.queue,
           (select q.id from queue q where q.tenant_id = d.tenant_id and q.name = d.queue), d.joined_at
      from jsonb_each(visited) as each, jsonb_to_record(each.value) as d (
        call_id uuid, seq integer, tenant_id uuid, queue text, joined_at timestamptz)
     where d.joined_at is not null
       and not exists (select from queue_visit v where v.call_id = d.call_id and v.queue = d.queue and v.joined_at is null
                                                   and v.outcome is null)
    on conflict do nothing;
    update queue_visit as v set (
      joined_at, position, offers, missed, outcome, outcome_at, waited_s, extension, agent_id, talk_s
    ) = (
      select coalesce(v.joined_at, d.joined_at), coalesce(v.position, d.position),
             v.offers + case when v.outcome is null then coalesce(d.offers, 0) else 0 end,
             v.missed + case when v.outcome is null then coalesce(d.missed, 0) else 0 end,
             coalesce(v.outcome, d.outcome), coalesce(v.outcome_at, d.outcome_at), coalesce(v.waited_s, d.waited_s),
             case when v.outcome is null then coalesce(d.extension, v.extension) else v.extension end,
             case when v.outcome is null and d.extension is not null
                  then (select a.id from agent a where a.tenant_id = v.tenant_id and a.extension = d.extension)
                  else v.agent_id end,
             case when v.talk_s = 0 and coalesce(v.outcome, d.outcome) = 'answered' then coalesce(d.talk_s, 0)
                  else v.talk_s end
        from jsonb_to_record(visited -> v.call_id::text) as d (
          joined_at timestamptz, position integer, offers integer, missed integer, outcome text, outcome_at timestamptz,
          waited_s float8, extension text, talk_s float8)
    )
    where v.call_id = any (array(select jsonb_object_keys(visited)::uuid))
      and v.seq = (select max(w.seq) from queue_visit w where w.call_id = v.call_id);
  end if;
  if visits is not null then
    insert into queue_visit (call_id, seq, visit, tenant_id, queue, queue_id, entered_at, joined_at, position, offers,
                             missed, outcome, outcome_at, waited_s, extension, agent_id, talk_s)
    select d.call_id, d.seq,
           coalesce(d.visit, 1 + (select count(*) from queue_visit v where v.call_id = d.call_id)), d.tenant_id, d.queue,
           (select q.id from queue q where q.tenant_id = d.tenant_id and q.name = d.queue), d.entered_at, d.joined_at,
           d.position, coalesce(d.offers, 0), coalesce(d.missed, 0), d.outcome, d.outcome_at, d.waited_s,
           coalesce(d.extension, ''),
           (select a.id from agent a where a.tenant_id = d.tenant_id and a.extension = d.extension),
           case d.outcome when 'answered' then coalesce(d.talk_s, 0) else 0 end
      from jsonb_to_recordset(visits) as d (
        call_id uuid, seq integer, visit integer, tenant_id uuid, queue text, entered_at timestamptz, joined_at timestamptz,
        position integer, offers integer, missed integer, outcome text, outcome_at timestamptz, waited_s float8,
        extension text, talk_s float8)
    on conflict do nothing;
  end if;

  if stored is not null then
    insert into recording (id, tenant_id, call_id, key, sha256, duration_s, size, stored_at)
    select d.id, d.tenant_id, d.call_id, d.key, d.sha256, d.duration_s, d.size, d.at
      from jsonb_to_recordset(stored) as d (id uuid, tenant_id uuid, call_id uuid, box text, key text, sha256 text,
                                            duration_s float8, size bigint, at timestamptz)
     where d.box is null
    on conflict do nothing;
    insert into voicemail (id, tenant_id, call_id, box, message_id, caller, key, sha256, duration_s, size, stored_at)
    select d.id, d.tenant_id, d.call_id, d.box, d.message_id,
           coalesce((select c.caller from call c where c.id = d.call_id), ''), d.key, d.sha256, d.duration_s, d.size, d.at
      from jsonb_to_recordset(stored) as d (id uuid, tenant_id uuid, call_id uuid, box text, message_id text, key text,
                                            sha256 text, duration_s float8, size bigint, at timestamptz)
     where d.box is not null
    on conflict do nothing;
  end if;

  if outbox is not null then
    insert into outbox (event_id, tenant_id, call_id, seq, kind)
    select first_id + d.o, d.tenant_id, d.call_id, d.seq, d.kind
      from jsonb_to_recordset(outbox) as d (o integer, tenant_id uuid, call_id uuid, seq integer, kind text);
  end if;

  perform pg_notify('m3voip_event', (first_id + size - 1)::text);
  return first_id;
end
$$;
revoke all on function record_facts_v1 from public;
grant execute on function record_facts_v1 to m3voip_engine;
