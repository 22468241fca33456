"""Whom a slot would displace, foretold on an excerpt. That it comes so is in test_plan."""

from __future__ import annotations

from cube.core.excerpt import Excerpt, excerpt_of
from cube.core.foresight import foresee, in_words, victim_names
from tests.builders import a_task, node_id
from tests.world import World


def a_full_world(**high: object) -> tuple[World, Excerpt]:
    world = World()
    world.join("w1")
    world.submit("low", replicas=2, cpu_millis=2_000, priority=10)
    world.run_all()
    task = world.submit("high", **{"cpu_millis": 2_000, "priority": 10, **high})
    return world, excerpt_of(world.core.cluster, task, strategy="spread", now=world.now)


def test_whoever_may_displace_nobody_foresees_nothing() -> None:
    _, excerpt = a_full_world(priority=90)
    assert excerpt.occupants == {}
    assert foresee(excerpt, excerpt.slots[0], excerpt.occupants) is None


def test_an_equal_is_foreseen_to_stay() -> None:
    _, excerpt = a_full_world(preempt=True)
    assert foresee(excerpt, excerpt.slots[0], excerpt.occupants) is None


def test_the_victim_is_named_and_nothing_is_changed() -> None:
    world, _ = a_full_world(preempt=True)
    raised = a_task(name="high", cpu_millis=2_000, priority=90, preempt=True)
    excerpt = excerpt_of(world.core.cluster, raised, strategy="spread", now=world.now)
    before = excerpt.inventory.cpu_free.tolist()
    found = foresee(excerpt, excerpt.slots[0], excerpt.occupants)
    assert found is not None and found.node_id == node_id("w1")
    assert victim_names(excerpt, found) == ("low.2",)
    assert in_words(excerpt, found) == "displaces low.2"
    assert excerpt.inventory.cpu_free.tolist() == before
