"""A block that is given up: nothing is committed beyond it. One whose commit was refused is committed again."""

import asyncio
from typing import Final

import pytest

from pipeline.errors import ClickHouseSchemaError
from pipeline.stream.budget import Budget
from pipeline.stream.cut import Cut
from pipeline.stream.kafka_client import Batch
from tests.unit.stream.test_rebalance import LOG, MINE, Beside, Scene

MISSING: Final = ClickHouseSchemaError("table interaction_scores is missing: run `touchpoint migrate`")


class Hanging(Beside):
    """From `hang` on no block becomes durable until one is given up; `silence` does the same to the conditions."""

    def __init__(self) -> None:
        super().__init__()
        self.answers, self.given_up, self.speaks, self.asked = (asyncio.Event() for _ in range(4))
        for event in (self.answers, self.speaks):
            event.set()

    def hang(self) -> None:
        self.answers.clear()

    def silence(self) -> None:
        self.speaks.clear()
        self.asked.clear()

    async def write(self, cut: Cut) -> bool:
        if not self.answers.is_set():
            await self.given_up.wait()
            return False
        return await super().write(cut)

    async def catch_up(self) -> None:
        self.asked.set()
        await self.speaks.wait()

    def give_up(self) -> None:
        self.given_up.set()

    def try_again(self) -> None:
        self.answers.set()

    def positions(self) -> dict[int, int]:
        return {partition: committed.position for partition, committed in self.commits.items()}


class RefusedOnce(Hanging):
    """The group has moved on when the first commit comes."""

    def __init__(self) -> None:
        super().__init__()
        self.refused = False

    async def write(self, cut: Cut) -> bool:
        refused, self.refused = self.refused, True
        return refused and await super().write(cut)


class Broken(Hanging):
    """A table that only an operator can mend, says the answer when it comes."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    async def write(self, _: Cut) -> bool:
        await self.given_up.wait()
        raise MISSING

    async def close(self, _seconds: float) -> None:
        self.closed = True


class Stopping:
    """A worker whose block of five records hangs, with three more behind it, when it is stopped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, beside: Hanging | None = None, seconds: float = 0.2) -> None:
        self.beside = beside or Hanging()
        self._budget = Budget(seconds)
        self.scene = Scene(monkeypatch, self.beside)
        self.folded_all = asyncio.Event()
        self._ends = False

    async def five_that_hang(self) -> Batch:
        self.beside.hang()
        return self.scene.client.take(5)

    async def three(self) -> Batch:
        return self.scene.client.take(3)

    async def three_while_conditions_are_silent(self) -> Batch:
        self.beside.silence()
        return self.scene.client.take(3)

    async def none_any_more(self) -> Batch:
        self.folded_all.set()
        self.scene.client.steps = [self.none_any_more]
        return {}

    async def start(self) -> asyncio.Task[None]:
        await self.scene.worker.start()
        return asyncio.create_task(self.scene.worker.run(lambda: self._ends))

    async def stop(self) -> None:
        self._ends = True
        await self.scene.worker.stop(finish=True, budget=self._budget)


def test_sigterm_during_a_long_batch_commits_nothing_beyond_a_block_that_was_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> Stopping:
        here = Stopping(monkeypatch)
        here.scene.client.steps = [here.scene.joined, here.five_that_hang, here.three_while_conditions_are_silent]
        running = await here.start()
        while here.beside.speaks.is_set() or not here.beside.asked.is_set():  # noqa: ASYNC110 - two events in turn
            await asyncio.sleep(0.001)
        await here.stop()
        here.beside.speaks.set()
        await running
        return here

    ended = asyncio.run(scene())
    assert ended.beside.positions() == {}
    tally, still_open = ended.scene.partitions.count()
    assert (tally.consumed, still_open) == (5, 1)


def test_a_rebalance_while_leaving_commits_nothing_beyond_a_block_that_was_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> Stopping:
        here = Stopping(monkeypatch)
        client = here.scene.client
        monkeypatch.setattr(client, "stop", lambda: client.revoked(MINE))
        client.steps = [here.scene.joined, here.five_that_hang, here.three, here.none_any_more]
        running = await here.start()
        await here.folded_all.wait()
        await here.stop()
        await running
        return here

    assert asyncio.run(scene()).beside.positions() == {}


def test_a_drain_whose_commit_was_refused_does_not_end_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> RefusedOnce:
        beside = RefusedOnce()
        here = Scene(monkeypatch, beside)
        await here.run(here.joined, drain=True)
        return beside

    assert asyncio.run(scene()).positions() == {0: len(LOG)}


def test_a_worker_whose_last_block_cannot_be_written_at_all_says_so_after_it_has_let_go_of_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> tuple[Broken, list[str]]:
        beside, left = Broken(), list[str]()
        # Long enough that it is the answer which ends the block, and no budget that a machine which stalls uses up.
        here = Stopping(monkeypatch, beside, seconds=20)
        client = here.scene.client

        async def leave() -> None:
            left.append("group")

        monkeypatch.setattr(client, "stop", leave)
        client.steps = [here.scene.joined, here.five_that_hang, here.none_any_more]
        running = await here.start()
        await here.folded_all.wait()
        stopping = asyncio.create_task(here.stop())
        await asyncio.sleep(0)
        beside.given_up.set()
        with pytest.raises(ClickHouseSchemaError):
            await stopping
        await running
        return beside, left

    beside, left = asyncio.run(scene())
    assert (beside.closed, left) == (True, ["group"])
    assert beside.positions() == {}
