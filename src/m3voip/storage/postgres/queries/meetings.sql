-- Meetings of conferences, as the engine's role. One task writes (engine/meetings.py); everything may be told twice.

-- name: conference
select tenant_id, number, name from conference where id = $1;

-- name: open
select id from meeting where conference_id = $1 and ended_at is null;

-- name: begin
insert into meeting (id, tenant_id, conference_id, number, name, started_at)
values ($1, $2, $3, $4, $5, $6);

-- name: known
-- The ledger notes a join some moments before the conference tells of it.
select true from meeting_party p join meeting m on m.id = p.meeting_id
 where m.conference_id = $1 and p.leg = $2 and p.joined_at between $3::timestamptz - interval '10 s' and $3 + interval '10 s'
 limit 1;

-- name: join
with counted as (update meeting set parties = parties + 1 where id = $1 returning parties, tenant_id)
insert into meeting_party (meeting_id, seq, tenant_id, leg, call_id, number, moderator, joined_at)
select $1, parties, tenant_id, $2, $3, $4, $5, $6 from counted;

-- name: leave
update meeting_party p set left_at = greatest($3::timestamptz, p.joined_at)
  from meeting m
 where m.id = p.meeting_id and m.conference_id = $1 and p.leg = $2 and p.left_at is null
   and p.joined_at <= $3::timestamptz + interval '1 s';

-- name: end_empty
-- A meeting whose last party is gone ended when that one left.
update meeting m set ended_at = (select max(left_at) from meeting_party p where p.meeting_id = m.id), recording = false
 where m.ended_at is null and not exists (select from meeting_party p where p.meeting_id = m.id and p.left_at is null)
   and ($1::uuid is null or m.conference_id = $1);

-- name: recording
update meeting set recording = $2 where conference_id = $1 and ended_at is null;

-- name: known_until
select coalesce((select min(started_at) from meeting where ended_at is null), (select max(ended_at) from meeting));

-- name: close_absent
update meeting_party set left_at = greatest($2::timestamptz, joined_at)
 where left_at is null and joined_at < $2 and not leg = any($1);

-- name: of_recording
-- The meeting in which a recording began. Its file is named before the party that opens the meeting is in.
select id as meeting_id, tenant_id, started_at, ended_at is not null as ended
  from meeting
 where conference_id = $1 and started_at <= $2::timestamptz + interval '30 s'
   and (ended_at is null or ended_at >= $2::timestamptz - interval '1 s')
 order by started_at limit 1;

-- name: recorded
insert into recording (id, tenant_id, meeting_id, key, sha256, duration_s, size, stored_at)
values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing;
