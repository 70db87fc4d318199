drop function record_facts_v2;
drop table survey_answer, survey_visit;
alter table queue drop column survey_tree_id;
