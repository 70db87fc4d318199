drop table sip_home;
drop table sip_ban;
