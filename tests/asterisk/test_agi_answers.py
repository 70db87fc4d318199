"""What the FastAGI process reads from Postgres, and what it does when Postgres is away."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import asyncpg
import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.providers.asterisk.agi.answers import AnswersAway, Floor, PostgresAnswers
from m3voip.stack.stack import Stack, fresh_name
from tests.asterisk.lab import free_port
from tests.support.eventually import eventually
from tests.support.fixtures import in_own_task

pytestmark = pytest.mark.postgres

OTHER = UUID("00000000-0000-7000-8000-0000000000aa")


@pytest.fixture(scope="module")
async def database() -> AsyncIterator[Stack]:
    """A private Postgres; a killed one comes back."""
    async with in_own_task(Stack(instance=fresh_name(), parts={"postgres"}, ephemeral=True)) as stack:
        assert stack.settings.owner_dsn is not None
        owner = await asyncpg.connect(stack.settings.owner_dsn.get_secret_value())
        await owner.execute(
            f"""
            insert into tenant (tenant_id, name) values ('{OTHER}', 'other');
            delete from blocked_caller; delete from did; delete from queue; delete from mailbox;
            insert into mailbox (tenant_id, box) values ('{DEFAULT_TENANT}', '801'), ('{OTHER}', '802');
            insert into queue (tenant_id, name, mailbox_id)
              select tenant_id, 'sales', id from mailbox;
            insert into queue (tenant_id, name) values ('{DEFAULT_TENANT}', 'front');
            update tenant set floor_queue_id = (select id from queue where name = 'front')
              where tenant_id = '{DEFAULT_TENANT}';
            insert into ivr_tree (tenant_id, name) values ('{DEFAULT_TENANT}', 'agi-test');
            insert into did (tenant_id, number, queue_id)
              select tenant_id, case tenant_id when '{OTHER}' then '+4930555' else '+15550100100' end, id
                from queue where name = 'sales';
            insert into did (tenant_id, number, tree_id, active)
              select '{DEFAULT_TENANT}', number, (select id from ivr_tree where name = 'agi-test'), active
                from (values ('+15550100101', true), ('+15550100102', false)) as v (number, active);
            insert into route (tenant_id, name) values ('{OTHER}', 'to-queue'), ('{OTHER}', 'to-box'), ('{OTHER}', 'to-tree');
            insert into route_target (tenant_id, route_id, field, queue_id, mailbox_id)
              select '{OTHER}', r.id, t.field, case t.what when 'queue' then q.id end, case t.what when 'box' then m.id end
                from (values ('to-queue', 'otherwise', 'queue'), ('to-queue', 'rules.0.to', 'box'),
                             ('to-box', 'otherwise', 'box')) as t (route, field, what)
                join route r on r.name = t.route
                join queue q on q.tenant_id = '{OTHER}'
                join mailbox m on m.tenant_id = '{OTHER}';
            insert into route_version (tenant_id, route_id, version, document)
              select '{OTHER}', r.id, 1, jsonb_build_object(
                  'rules', jsonb_build_array(
                    jsonb_build_object('name', 'french', 'when', '{{"countries": ["FR"], "crm": {{"open": "true"}}}}'::jsonb,
                                       'to', jsonb_build_object('mailbox_id', m.id)),
                    jsonb_build_object('name', 'vip', 'when', '{{"lists": ["vip"]}}'::jsonb,
                                       'to', jsonb_build_object('mailbox_id', m.id))),
                  'crm', '{{"path": "/x", "extract": {{"open": "open"}}}}'::jsonb,
                  'otherwise', jsonb_build_object('queue_id', q.id))
                from route r, queue q, mailbox m
               where r.name = 'to-queue' and q.tenant_id = '{OTHER}' and m.tenant_id = '{OTHER}';
            insert into listed_caller (tenant_id, digits) values
              ('{OTHER}', '15550123457'), ('{DEFAULT_TENANT}', '15550123456');
            insert into did (tenant_id, number, route_id, floor_queue_id)
              select '{OTHER}', '+4930559', r.id, q.id from route r, queue q
               where r.name = 'to-queue' and q.tenant_id = '{OTHER}';
            insert into did (tenant_id, number, route_id)
              select '{OTHER}', case name when 'to-queue' then '+4930556' when 'to-box' then '+4930557' else '+4930558' end, id
                from route;
            insert into blocked_caller (tenant_id, digits, until) values
              ('{DEFAULT_TENANT}', '15550199999', null), ('{DEFAULT_TENANT}', '15550199998', now() - interval '1 s'),
              ('{OTHER}', '15550199997', now() + interval '1 h');
            """
        )
        await owner.close()
        yield stack


@pytest.fixture
def answers(database: Stack) -> Iterator[PostgresAnswers]:
    asking = PostgresAnswers(database.settings.engine_dsn.get_secret_value(), DEFAULT_TENANT)
    yield asking
    asking.close()


@pytest.mark.parametrize(
    ("digits", "floor"),
    [
        ("15550100100", Floor(queue="sales", box="801@default")),
        ("4930555", Floor(queue="000000aa-sales", box="802@000000aa")),
        ("4930556", Floor(queue="000000aa-sales", box="802@000000aa")),  # what its route does otherwise
        ("4930557", Floor(queue="", box="802@000000aa")),
        ("4930558", None),
        ("15550100101", Floor(queue="front", box="")),  # a tree and no floor of its own: the company's
        ("15550100102", Floor(queue="front", box="")),  # not active: like a number nobody knows
        ("999", Floor(queue="front", box="")),
        ("", None),
    ],
)
async def test_a_number_leads_to_its_floor_in_asterisks_names(
    answers: PostgresAnswers, digits: str, floor: Floor | None
) -> None:
    assert await asyncio.to_thread(answers.floor_for, digits, "15550123456") == floor


@pytest.mark.parametrize(
    ("number", "caller", "floor"),
    [
        ("4930556", "15550123456", Floor(queue="000000aa-sales", box="802@000000aa")),  # otherwise
        ("4930556", "15550123457", Floor(queue="", box="802@000000aa")),  # a VIP
        ("4930556", "33140205050", Floor(queue="000000aa-sales", box="802@000000aa")),  # only the CRM could say
        ("4930556", "", Floor(queue="000000aa-sales", box="802@000000aa")),
        ("4930559", "15550123457", Floor(queue="000000aa-sales", box="802@000000aa")),  # names its floor itself
    ],
)
async def test_rules_that_need_no_crm_hold_on_the_floor_too(
    answers: PostgresAnswers, number: str, caller: str, floor: Floor
) -> None:
    assert await asyncio.to_thread(answers.floor_for, number, caller) == floor


@pytest.mark.parametrize(
    ("caller", "called", "blocked"),
    [
        ("15550199999", "15550100100", True),
        ("15550199999", "999", True),  # nobody's number is the default company's
        ("15550199999", "4930555", False),  # another company's
        ("15550199998", "15550100100", False),  # until a moment ago
        ("15550199997", "4930555", True),
        ("15550199990", "15550100100", False),
    ],
)
async def test_a_caller_is_blocked_by_the_company_that_is_called(
    answers: PostgresAnswers, caller: str, called: str, blocked: bool
) -> None:
    assert await asyncio.to_thread(answers.is_blocked, caller, called) is blocked


async def test_answers_come_back_with_postgres(answers: PostgresAnswers, database: Stack) -> None:
    assert await asyncio.to_thread(answers.is_blocked, "15550199999", "")
    pid = database.processes["postgres"].pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)

    async def asked() -> bool:
        began = time.monotonic()
        try:
            return await asyncio.to_thread(answers.is_blocked, "15550199999", "")
        except AnswersAway:
            return False
        finally:
            assert time.monotonic() - began < 1.0

    await eventually(asked, within=20, what="Postgres answers again")


async def test_without_postgres_the_answer_is_away_within_the_budget() -> None:
    asking = PostgresAnswers(f"postgresql://nobody@127.0.0.1:{free_port()}/nothing", DEFAULT_TENANT)
    began = time.monotonic()
    with pytest.raises(AnswersAway):
        await asyncio.to_thread(asking.floor_for, "15550100100", "")
    assert time.monotonic() - began < 1.0
    asking.close()
