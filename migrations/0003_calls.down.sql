drop table outbox, voicemail, recording, queue_visit, leg, call;
drop function reserve_event_ids(integer);
drop function ensure_event_partitions(integer);
drop table call_event;  -- with its partitions
drop sequence call_event_id;
