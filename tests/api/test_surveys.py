"""Answers of surveys by the API: listed newest first, counted by agent and queue from sums, never from ratios."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from m3voip.core import facts as f
from tests.api.client import Client
from tests.api.conftest import World
from tests.api.stories import started
from tests.api.test_calls import NOW, a_call
from tests.api.test_setup import GOOD_TREE, queue, unique

pytestmark = pytest.mark.postgres


async def survey(client: Client) -> Any:
    return await client.made("/v1/tm/ivr-trees", {"name": unique("name"), "source": GOOD_TREE})


async def visit(world: World, tree: str, extension: str, line: str, *answers: tuple[str, str], minute: int = 0) -> str:
    said = [f.SurveyAnswered(tree=tree, node=name, name=name, value=value) for name, value in answers]
    entered = f.SurveyEntered(tree=tree, extension=extension, queue=line, by_queue=True)
    return str(await a_call(world, started(), entered, *said, began=NOW + timedelta(minutes=minute)))


async def test_figures_are_made_from_counts_and_the_last_answer_counts(world: World, mine: Client) -> None:
    tree = await survey(mine)
    name, path = tree["name"], f"/v1/tm/ivr-trees/{tree['id']}"
    calls = [
        await visit(world, name, "101", "sales", ("nice", "5"), ("why", "*")),
        await visit(world, name, "101", "sales", ("nice", "1"), ("nice", "4"), minute=1),
        await visit(world, name, "102", "support", ("nice", "2"), minute=2),
        await visit(world, name, "102", "sales", minute=120),
    ]
    await visit(world, unique("name"), "101", "sales", ("nice", "9"))
    report = (await mine.get(f"{path}/survey-figures", by="agent")).json
    assert report["total"] == {
        "part": "", "visits": 4, "questions": [
            {"name": "nice", "answers": 3, "values": {"2": 1, "4": 1, "5": 1}, "answerShare": 0.75, "meanScore": 3.6667},
            {"name": "why", "answers": 1, "values": {"*": 1}, "answerShare": 0.25, "meanScore": None},
        ],
    }  # fmt: skip
    assert [(one["part"], one["visits"], one["questions"][0]["meanScore"]) for one in report["items"]] == [
        ("101", 2, 4.5), ("102", 2, 2.0),
    ]  # fmt: skip
    by_queue = (await mine.get(f"{path}/survey-figures", by="queue", agent="102")).json
    assert [(one["part"], one["visits"]) for one in by_queue["items"]] == [("sales", 1), ("support", 1)]
    until = (NOW + timedelta(hours=1)).isoformat()
    assert (await mine.get(f"{path}/survey-figures", to=until)).json["total"]["visits"] == 3
    assert (await mine.get(f"{path}/survey-figures", by="moon")).paths == ["by"]
    listed = await mine.all(f"{path}/survey-answers", limit="2")
    assert [(one["callId"], one["name"], one["value"]) for one in listed] == [
        (calls[2], "nice", "2"), (calls[1], "nice", "4"), (calls[1], "nice", "1"), (calls[0], "why", "*"),
        (calls[0], "nice", "5"),
    ]  # fmt: skip
    shown = (await mine.get(f"/v1/tm/calls/{calls[1]}")).json["surveyAnswers"]
    assert [one["value"] for one in shown] == ["1", "4"]


async def test_a_queue_names_the_tree_by_which_its_callers_are_asked(mine: Client, theirs: Client) -> None:
    tree, foreign = await survey(mine), await survey(theirs)
    line = await queue(mine, surveyTreeId=tree["id"])
    assert line["surveyTreeId"] == tree["id"]
    assert (await mine.ask("DELETE", f"/v1/tm/ivr-trees/{tree['id']}")).code == "CONFLICT"
    path = f"/v1/tm/queues/{line['id']}"
    wrong = await mine.ask("PATCH", path, {"surveyTreeId": foreign["id"]})
    assert (wrong.status, wrong.paths) == (422, ["surveyTreeId"])
    assert (await mine.ask("PATCH", path, {"surveyTreeId": None})).json["surveyTreeId"] is None
    assert (await mine.ask("DELETE", f"/v1/tm/ivr-trees/{tree['id']}")).status == 204
