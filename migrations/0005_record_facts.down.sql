drop function record_facts_v1;
