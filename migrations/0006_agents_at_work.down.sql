drop function record_agent_events_v1;
drop table agent_event, agent_state, pause_reason;
alter table api_key drop column agent_id;
alter table queue drop column pause_on_no_answer;
alter table agent drop column works, drop column signs_in;
