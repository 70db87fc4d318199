drop table rate;
alter table trunk drop column priority, drop column max_calls_per_s, drop column currency;
