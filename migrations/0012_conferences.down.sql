-- Takes the meetings' history and their recordings' rows with it.
drop index recording_meeting;
delete from recording where meeting_id is not null;
alter table recording
  drop constraint recording_of_one,
  drop column meeting_id,
  alter column call_id set not null;
drop table meeting_party, meeting;
drop trigger one_number on agent;
drop table conference;
drop function one_number();
