"""Only nodes whose own policy allows what the task asks for. The worker checks once more what it is about to make."""

from __future__ import annotations

import numpy as np

from cube.core.policy import allowed_instead, forbidden
from cube.core.scheduler.columns import Flags, Ints
from cube.core.scheduler.demand import Demand
from cube.core.scheduler.filters.filter import Alike, NodeRefusal, refusal
from cube.core.scheduler.inventory import Inventory
from cube.core.scheduler.offers import Offers

NAMED = 5  # of what would be allowed: the whole list is in the machine's file


class Allowed(Alike):
    """Refuses with the first thing asked for that the node's policy does not allow."""

    def concerns(self, _demand: Demand, /) -> bool:
        """Every task has an image, and a policy may be about those."""
        return True

    def passes(self, offers: Offers, /) -> Flags:
        """Return which nodes allow all of it."""
        numbers, policies = offers.inventory.policies
        verdicts = np.array([not forbidden(one, offers.demand.rights) for one in policies])
        if verdicts.all():
            return np.ones(len(offers), dtype=np.bool_)
        allowed: Flags = verdicts[numbers[offers.rows]]
        return allowed

    def refuse(
        self, inventory: Inventory, row: int, demand: Demand, _ahead: int, /
    ) -> NodeRefusal | None:
        """Return what is not allowed, and what of that kind would be."""
        node = inventory.node(row)
        about = forbidden(node.facts.policy, demand.rights)
        if not about:
            return None
        words = f"the policy of {node.name} does not allow {about}"
        if instead := allowed_instead(node.facts.policy, demand.rights):
            more = ", …" if len(instead) > NAMED else ""
            words += f"; it allows {', '.join(instead[:NAMED])}{more}"
        return refusal(inventory, row, "policy", words, about=about)

    def kinds(self, refused: Offers, /) -> Ints:
        """Return a number for each thing that is not allowed."""
        numbers, policies = refused.inventory.policies
        words = [forbidden(one, refused.demand.rights) for one in policies]
        kinds: Ints = np.array([words.index(word) for word in words])[numbers[refused.rows]]
        return kinds
