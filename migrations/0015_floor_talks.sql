-- A call that plain Asterisk serves comes back from its talk to plain Asterisk (core.call.evolve). Where the talk began in an
-- earlier batch than it ended, record_facts_v… made "in the tree" of it, because a talk's state hides that of the floor.
create function on_floor(call uuid) returns boolean language sql stable as $$
  select coalesce(max(seq) filter (where kind = 'call.on_floor'), 0)
         > coalesce(max(seq) filter (where kind = 'ivr.node_entered'), 0)
    from call_event where call_id = call and kind in ('call.on_floor', 'ivr.node_entered')
$$;
revoke all on function on_floor from public;
grant execute on function on_floor to m3voip_engine;

do $$
declare
  writer regproc;
  source text;
  changed text;
begin
  for writer in select oid from pg_proc where pronamespace = 'public'::regnamespace and proname ~ '^record_facts_v[0-9]+$' loop
    source := pg_get_functiondef(writer);
    changed := replace(source, 'case when c.state = ''floor'' then ''floor'' else ''ivr'' end',
      'case when c.state = ''floor'' or (c.state = ''talking'' and on_floor(c.id)) then ''floor'' else ''ivr'' end');
    if length(changed) <> length(source) + 44 then
      raise exception '% is not the function that this file knows', writer;
    end if;
    execute changed;
  end loop;
end
$$;
