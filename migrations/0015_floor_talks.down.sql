do $$
declare
  writer regproc;
begin
  for writer in select oid from pg_proc where pronamespace = 'public'::regnamespace and proname ~ '^record_facts_v[0-9]+$' loop
    execute replace(pg_get_functiondef(writer),
      'case when c.state = ''floor'' or (c.state = ''talking'' and on_floor(c.id)) then ''floor'' else ''ivr'' end',
      'case when c.state = ''floor'' then ''floor'' else ''ivr'' end');
  end loop;
end
$$;
drop function on_floor;
