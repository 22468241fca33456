"""Every metric of a manager, with its meaning. docs/reference/metrics.md is held to this table.

No metric has an id as a label. By node there are series of at most NODES_SHOWN nodes, by task of at most TASKS_SHOWN.
"""

from __future__ import annotations

from cube.instruments import counter, gauge, histogram

NODES_SHOWN = 500  # beyond it a cluster is looked at as a whole; 12 series each
TASKS_SHOWN = 200  # tasks whose containers ended, the first since the start of the manager
OTHER_TASKS = "(others)"  # no task can be called so

_START = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)
_DISK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)
_REQUEST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LAG = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_DECISION = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5)

MANAGER_METRICS = (
    gauge("cube_build_info", "1; which cube runs, on which Python", "version", "python"),
    # -- what there is
    gauge("cube_tasks", "tasks by their state", "state"),
    gauge(
        "cube_slots",
        "replicas that are wanted, by how they stand: "
        "failed, vacant, assigned, unready, ready, completed",
        "standing",
    ),
    gauge(
        "cube_slots_pending",
        "replicas without a place, by what refuses them; one that is refused for several reasons counts under each",
        "reason",
    ),
    gauge("cube_allocations", "allocations on record"),
    gauge(
        "cube_nodes",
        "nodes by verdict and by what they may be used for",
        "condition",
        "availability",
    ),
    gauge("cube_revision", "revision of the newest change"),
    # -- nodes
    gauge("cube_node_up", "1 when the node is heard and its engine answers", "node"),
    gauge("cube_node_lease_age_seconds", "time since the node was last heard", "node"),
    gauge("cube_node_allocations", "allocations of which something is left on the node", "node"),
    gauge("cube_node_cpu_cores", "processor cores: capacity, reserved, used", "node", "kind"),
    gauge("cube_node_memory_bytes", "memory: capacity, reserved, used", "node", "kind"),
    gauge("cube_node_disk_bytes", "disk: capacity, reserved, used", "node", "kind"),
    # -- what happens
    counter("cube_events_total", "recorded events by kind", "kind"),
    histogram(
        "cube_task_start_duration_seconds",
        "phases of the start of a replica: queue (asked for to assigned), dispatch (on the wire and waiting for its "
        "turn), pull, create, start, ready (started to healthy, with a health check), total (asked for to ready)",
        "phase",
        buckets=_START,
    ),
    counter("cube_task_restarts_total", "containers started again on the same node", "task"),
    counter(
        "cube_task_exits_total",
        "containers that ended by themselves: ok, error, signal, out_of_memory",
        "task",
        "outcome",
    ),
    counter("cube_task_failures_total", "runs that could not start or were ended by cube", "kind"),
    # -- the manager itself
    histogram(
        "cube_decision_duration_seconds",
        "time the core took to decide on one input",
        buckets=_DECISION,
    ),
    gauge("cube_decisions_in_flight", "decisions that are not recorded and told yet"),
    gauge("cube_writable", "1 when changes can be recorded"),
    histogram(
        "cube_ledger_commit_duration_seconds", "from a decision to its being on disk", buckets=_DISK
    ),
    counter("cube_ledger_commits_total", "changes that were recorded"),
    counter("cube_ledger_commit_failures_total", "changes that could not be recorded"),
    counter(
        "cube_ledger_transactions_total",
        "transactions on disk; commits over transactions is the mean size of a batch",
        read=True,
    ),
    gauge(
        "cube_ledger_size_bytes",
        "size of the ledger's files: ledger, log (not folded in yet)",
        "file",
    ),
    histogram("cube_event_loop_lag_seconds", "by how much the event loop came late", buckets=_LAG),
    gauge("cube_sessions", "workers with an open session"),
    gauge("cube_streams", "streams that workers carry or are about to"),
    gauge("cube_feed_followers", "clients that follow the events"),
    counter(
        "cube_feed_dropped_total", "followers that were too slow and have to come again", read=True
    ),
    counter("cube_http_requests_total", "requests answered", "route", "method", "status"),
    histogram(
        "cube_http_request_duration_seconds",
        "time to answer a request; streams and sessions are not timed",
        "route",
        "method",
        buckets=_REQUEST,
    ),
)
