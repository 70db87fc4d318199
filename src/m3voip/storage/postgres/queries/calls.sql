-- What recovery and the jobs ask about calls, as the engine's role.

-- name: open_calls
-- The facts of every call that has not ended, in order.
select e.call_id, e.tenant_id, e.seq, e.at, e.kind, e.payload
  from call_event e
 where e.call_id = any (array(select id from call where ended_at is null))
 order by e.call_id, e.seq;

-- name: lock_ended
-- The call's next seq; nobody else can take it until the transaction ends. No row while the call lives: its owner
-- counts then.
select tenant_id, last_seq from call where id = $1 and ended_at is not null for update;

-- name: stored_before
-- The fact by which this recording or voicemail is known already.
select tenant_id, seq, at, kind, payload from call_event
 where call_id = $1 and kind = $2 and payload @> jsonb_build_object($3::text, $4::text);

-- name: by_id
select id as call_id, tenant_id, caller, started_at, ended_at is not null as ended from call where id = $1;

-- name: by_leg
-- A telephony node that began anew may use a name again: the newest call counts.
select id as call_id, tenant_id, caller, started_at, ended_at is not null as ended from call
 where leg = $1 order by id desc limit 1;

-- name: last_agent
-- By the index call_list_caller, from the newest call back to $3 (version-7 ids sort by time). Each spelling of the number
-- is looked for by itself: with both at once the planner would rather walk through the calls of all callers.
select found.extension
  from unnest(array[$2, '+' || $2]) as spelled
 cross join lateral (
   select c.id, a.extension
     from call c join agent a on a.tenant_id = c.tenant_id and a.id = c.agent_id and a.active
    where c.tenant_id = $1 and c.caller = spelled and c.id >= $3
    order by c.id desc limit 1
 ) as found
 order by found.id desc limit 1;
