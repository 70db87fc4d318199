-- What an agent does and did, as the engine's role.

-- name: record
-- See migrations/0006_agents_at_work.sql.
select record_agent_events_v1($1, $2);

-- name: last_seq
-- Of an agent who is gone the events tell.
select agent_id, max(seq) as last_seq from agent_event where agent_id = any($1) group by agent_id;

-- name: saved
select agent_id, saved from agent_state;
