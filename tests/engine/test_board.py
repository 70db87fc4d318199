"""The board keeps the queue's order: who has a priority joins before others."""

from __future__ import annotations

from uuid import UUID

import pytest

from m3voip.config import DEFAULT_TENANT
from m3voip.core import agent as ag
from m3voip.engine.board import Board
from m3voip.engine.calls import SystemClock
from m3voip.engine.routing import CurrentDirectory, Directory

pytestmark = pytest.mark.unit


@pytest.fixture
def board() -> Board:
    names = CurrentDirectory()
    names.now = Directory(queues={(DEFAULT_TENANT, "sales"): "sales"})
    board = Board(clock=SystemClock(), names=names, call_of=lambda leg: UUID(int=int(leg)))
    board.take(ag.BoardCleared())
    return board


def order(board: Board) -> list[tuple[str, int]]:
    seen = board.queue(DEFAULT_TENANT, "sales")
    assert seen is not None
    return [(one.leg, one.position) for one in seen.waiting]


def join(board: Board, leg: str, position: int) -> None:
    board.take(ag.CallerWaiting(queue="sales", leg=leg, position=position))


def test_callers_stand_where_the_queue_let_them_in_and_move_up(board: Board) -> None:
    for leg, position in (("1", 1), ("2", 2), ("9", 1), ("8", 2)):  # 9 and 8 have a priority
        join(board, leg, position)
    assert order(board) == [("9", 1), ("8", 2), ("1", 3), ("2", 4)]
    board.take(ag.CallerGone(queue="sales", leg="8"))
    board.take(ag.CallerGone(queue="sales", leg="8"))  # told twice: abandoned, and left
    board.take(ag.CallerGone(queue="support", leg="1"))
    assert order(board) == [("9", 1), ("1", 2), ("2", 3)]
    join(board, "1", 1)
    assert order(board) == [("1", 1), ("9", 2), ("2", 3)]


def test_a_fresh_reading_replaces_everything(board: Board) -> None:
    join(board, "1", 1)
    board.take(ag.BoardCleared())
    for leg, position in (("5", 1), ("4", 2)):
        join(board, leg, position)
    assert order(board) == [("5", 1), ("4", 2)]
    assert board.waiting_count() == 2
