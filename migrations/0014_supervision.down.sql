drop table supervision;
