-- Writing facts, as the engine's role.

-- name: record
-- See migrations/0005_record_facts.sql and 0020_surveys.sql.
select record_facts_v2($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14);

-- name: last_seq
select id, last_seq from call where id = any($1);

-- name: between
-- By tenant, because that is what the index begins with.
select e.id, e.tenant_id, e.call_id, e.seq, e.at, e.kind, e.payload
  from tenant t
 cross join lateral (select * from call_event c where c.tenant_id = t.tenant_id and c.id > $1 and c.id < $2) as e
 order by e.id;

-- name: last_id
select coalesce(max(newest.id), 0)
  from tenant t
 cross join lateral (select max(c.id) as id from call_event c where c.tenant_id = t.tenant_id) as newest;
