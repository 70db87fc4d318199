do $$
declare
  writer regproc;
begin
  for writer in select oid from pg_proc where pronamespace = 'public'::regnamespace and proname ~ '^record_facts_v[0-9]+$' loop
    execute replace(replace(replace(pg_get_functiondef(writer),
      'last_seq, state, tree, tree_version, node, queue, visits, extension,', 'last_seq, state, node, queue, visits, extension,'),
      'coalesce(d.tree, c.tree), coalesce(d.tree_version, c.tree_version), coalesce(d.node, c.node), coalesce(d.queue, c.queue),',
      'coalesce(d.node, c.node), coalesce(d.queue, c.queue),'),
      'last_seq integer, state text, tree text, tree_version integer, node text,', 'last_seq integer, state text, node text,');
  end loop;
end
$$;
delete from did where route_id is not null;
alter table did
  drop constraint did_target,
  drop column route_id,
  add constraint did_target check (num_nonnulls(tree_id, queue_id) = 1);
drop table listed_caller, route_target, route_version, route;
