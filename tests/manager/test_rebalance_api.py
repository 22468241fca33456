"""`/rebalance` over real HTTP."""

from __future__ import annotations

from tests.manager.conftest import Api


async def test_a_balanced_cluster_has_nothing_to_move(api: Api) -> None:
    async with api.worker() as worker:
        await worker.welcome()
        for query in ("?dry_run=1", "", "?max_moves=5&include_single=1"):
            status, moves, _ = await api.ask("POST", f"/rebalance{query}")
            assert (status, moves) == (200, [])


async def test_what_cannot_be_meant_is_refused(api: Api) -> None:
    for query in ("?max_moves=0", "?max_moves=101", "?max_moves=x", "?dry=1"):
        status, problem, _ = await api.ask("POST", f"/rebalance{query}")
        assert (status, problem["code"]) == (400, "invalid_input"), problem


async def test_a_move_is_shown_and_then_made(api: Api) -> None:
    async with api.worker("w1") as first:
        await first.welcome()
        await api.submit(name="web", replicas=2)
        for order in await first.orders(2):
            await first.obey(order)
        async with api.worker("w2") as second:
            await second.welcome()
            [move] = (await api.ask("POST", "/rebalance?dry_run=1"))[1]
            assert (move["origin"], move["target"], move["code"]) == ("w1", "w2", "replicas")
            assert (await api.ask("POST", "/rebalance"))[1] == [move]
            [removal] = await first.orders(1)
            assert removal.id.startswith(f"{move['task_id']}.{move['slot']}.")
