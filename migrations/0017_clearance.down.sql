drop table attempt_end, attempt_live, attempt, caller_id, do_not_call, dial_settings;
