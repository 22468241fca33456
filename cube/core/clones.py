"""Two workers with one identity, as copies of a machine's disk are: told from one that dials again or was restarted.

A worker process mints an incarnation at its start and says it in each Hello. One that dials again says the same one, a
restarted one says a new one; only a second process that is alive lets an incarnation come back after another has
taken its place. A copy of a running machine, its memory included, says the same one and cannot be told apart.
"""

from __future__ import annotations

from cube.core.inputs import Connect
from cube.model.ids import NodeId
from cube.model.node import Node
from cube.model.timing import Timing


class _Callers:
    """Who said hello as one node."""

    __slots__ = ("heard", "last", "returns")

    def __init__(self) -> None:
        self.heard: dict[
            str, float
        ] = {}  # when each incarnation called, or was there, within the window
        self.last = ""  # whose session is the newest
        self.returns: list[float] = []  # when one pushed out another that had pushed it out before


class Clones:
    """Judges each Hello by who else says to be the same node. Kept in memory; the verdict is on the node's record."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._callers: dict[NodeId, _Callers] = {}

    def restore(self, node: Node, at: float) -> None:
        """A node that was in quarantine when the manager ended: who was heard then counts as heard now."""
        if node.quarantine:
            self._callers[node.id] = callers = _Callers()
            callers.heard["before the manager's start"] = at

    def forget(self, node_id: NodeId) -> None:
        """An administrator removed the node."""
        self._callers.pop(node_id, None)

    def refuses(self, hello: Connect, *, live: bool, quarantined: bool, at: float) -> bool:
        """Take note of a Hello and return whether it is to be refused. `live`: the node has an open session.

        The newest session wins, until incarnations have come back so often that no late message explains it: one Hello
        that a killed process left behind makes two returns, its own and that of the process it pushed out. The
        quarantine ends for the one that is alone in calling for a whole window: a refused worker calls every two
        seconds, so the other is stopped, or has another identity by now.
        """
        begin = at - self._timing.clone_window
        callers = self._callers.setdefault(hello.node_id, _Callers())
        if live:
            callers.heard[callers.last] = at
        callers.heard = {one: when for one, when in callers.heard.items() if when > begin}
        others = callers.heard.keys() - {hello.incarnation}
        back = live and hello.incarnation in callers.heard and hello.incarnation != callers.last
        callers.heard[hello.incarnation] = at
        callers.last = hello.incarnation
        if quarantined:
            callers.returns.clear()
            return bool(others)
        callers.returns = [when for when in callers.returns if when > begin] + [at] * back
        return len(callers.returns) >= self._timing.clone_returns
