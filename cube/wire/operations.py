"""Every operation of the manager's HTTP API and of the workers' own.

The list from which the published description is made, and to which the routes are held: a route without an entry and
an entry without a route fail a test. `/tasks` and `/nodes` answer as `/task` and `/node` do and have no entries.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from cube.model.event import EventKind
from cube.model.role import Role
from cube.model.spec import TaskSpec
from cube.model.task import TaskState
from cube.wire import routes
from cube.wire.access_views import AuditCheck, AuditView, NewToken, TokenRequest, TokenView
from cube.wire.account_views import AccountRequest, AccountView
from cube.wire.membership import (
    CertificateRequest,
    Certified,
    JoinRequest,
    JoinTokenView,
    JoinTokenWish,
    RootsView,
    RotationView,
)
from cube.wire.operation import (
    HTML,
    JSON,
    LINES,
    PAGE_MEDIA,
    SSE,
    TEXT,
    Answer,
    Operation,
    Parameter,
    Place,
)
from cube.wire.placement_views import MoveView, PlanView, WhyView
from cube.wire.secret_views import SecretView
from cube.wire.views import (
    AllocationView,
    BackupView,
    BulkResult,
    DrainView,
    EventView,
    LogRecord,
    NodeState,
    NodeView,
    Replicas,
    StatsView,
    StatusView,
    TaskDetail,
    TaskView,
    UsageView,
    VersionView,
)
from cube.wire.watch import AttentionView, Snapshot

Noun = Literal["task", "node"]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]{0,126}$")]
Registry = Annotated[str, Meta(pattern=r"^[A-Za-z0-9\[][A-Za-z0-9.:\[\]\-]{0,252}$")]

_REF = Parameter("ref", Place.PATH, Name, "id, unique beginning of an id, or name", "web")
_NODE_REF = Parameter("ref", Place.PATH, Name, "id, unique beginning of an id, or name", "w1")
_TOKEN_REF = Parameter(
    "ref", Place.PATH, Name, "its id, or its name where no other has it", "7f3a90c2"
)
_JOIN_TOKEN_REF = Parameter("ref", Place.PATH, Name, "the token's id", "7f3a91c2")
_SECRET_REF = Parameter("ref", Place.PATH, Name, "its name", "db-password")
_REGISTRY_REF = Parameter(
    "ref", Place.PATH, Registry, "its host as in images", "registry.example.com:5000"
)
_KEY = Parameter(
    "Idempotency-Key",
    Place.HEADER,
    Annotated[str, Meta(pattern=r"^[!-~]{1,255}$")],
    "names this request: however often it comes, it happens once and gets the same answer",
)
_IF_MATCH = Parameter(
    "If-Match",
    Place.HEADER,
    Annotated[str, Meta(pattern=r'^("[0-9]{1,18}(-[0-9a-f]{1,32})?"|[0-9]{1,18}|\*)$')],
    "the revision or the ETag of the task; refused with 409 when it is at another",
)


def _query(name: str, kind: Any, about: str) -> Parameter:
    return Parameter(name, Place.QUERY, kind, about)


def _limit(most: int) -> Parameter:
    return _query("limit", Annotated[int, Meta(ge=0, le=most)], "entries in one answer")


_CURSOR = _query("cursor", str, "the X-Next-Cursor of the answer before")
_NODE = _query("node", Name, "only what is on this node: id, beginning of an id, or name")
_LABEL = _query("label", str, "only what has this label: NAME or NAME=VALUE")
_NAME = _query("name", str, "only what is called so; `*` stands for any characters")
_AFTER = _query("after", Count, "only what is newer than this revision")
_DRY_RUN = _query("dry_run", bool, "only say what would change")
_KIND = _query("kind", EventKind, "only events of this kind")
_LAST = Parameter("Last-Event-ID", Place.HEADER, str, "go on behind this message")
_IF_NONE_MATCH = Parameter("If-None-Match", Place.HEADER, str, "the ETag of the answer before")
_PAGED = ("X-Next-Cursor",)
_CHANGING = (404, 408, 409, 413, 415, 422, 507)
_CREATING = _CHANGING
_TASK_FORMS = (TaskSpec, dict[str, Any])  # short and ancestral forms are described in task-file.md
_EXAMPLE = {"name": "web", "image": "nginx:1.27", "replicas": 2, "ports": ["8080:80"]}
_TASK, _NODES = routes.TASKS[0], routes.NODES[0]
_ONE_TASK, _ONE_NODE = f"{_TASK}/{{ref}}", f"{_NODES}/{{ref}}"


def _get(path: str, id: str, summary: str, *answers: Answer, **more: Any) -> Operation:
    fields: dict[str, Any] = {"role": Role.VIEWER, **more}
    return Operation(method="GET", path=path, id=id, summary=summary, answers=answers, **fields)


def _change(
    method: str, path: str, id: str, summary: str, *answers: Answer, **more: Any
) -> Operation:
    fields: dict[str, Any] = {"role": Role.OPERATOR, **more}
    return Operation(method=method, path=path, id=id, summary=summary, answers=answers, **fields)


# A table reads best with one line for each thing it says.
# fmt: off
MANAGER = (
    # -- tasks
    _get(_TASK, "listTasks", "All tasks that fit, oldest first",
        Answer(200, "a page of tasks", list[TaskView], headers=_PAGED),
        parameters=(_query("state", TaskState, "only tasks in this state"), _NODE, _LABEL, _NAME,
            _limit(10_000), _CURSOR),
        problems=(404,)),
    _change("POST", _TASK, "createTask", "Create a task, or each of a list",
        Answer(200, "the same task was there already; or the plan of a dry run", (TaskView, PlanView)),
        Answer(201, "the new task", TaskView, headers=("Location",)),
        Answer(207, "an outcome for each of a list", list[BulkResult]),
        parameters=(_DRY_RUN, _KEY), body=(*_TASK_FORMS, list[Any]), example=_EXAMPLE, problems=_CREATING),
    _get(_ONE_TASK, "getTask", "One task with its newest events",
        Answer(200, "the task", TaskDetail, headers=("ETag",)),
        Answer(304, "it looks as it did", headers=("ETag",)),
        parameters=(_REF, _IF_NONE_MATCH), problems=(404,)),
    _change("PUT", _ONE_TASK, "applyTask", "Make the task of this name be as the body says",
        Answer(200, "as it is now; or the plan of a dry run", (TaskView, PlanView)),
        Answer(201, "the new task", TaskView, headers=("Location",)),
        parameters=(_REF, _DRY_RUN, _KEY, _IF_MATCH), body=_TASK_FORMS, example=_EXAMPLE, problems=_CREATING),
    _change("DELETE", _ONE_TASK, "stopTask", "Stop a task and remove its containers; may be repeated",
        Answer(202, "containers are going", TaskView),
        Answer(204, "none is left"),
        parameters=(_REF, _KEY, _IF_MATCH), problems=_CHANGING),
    _change("POST", f"{_ONE_TASK}/scale", "scaleTask", "Change the number of replicas",
        Answer(200, "as it is now", TaskView),
        parameters=(_REF, _KEY, _IF_MATCH), body=(Replicas,), example={"replicas": 3}, problems=_CHANGING),
    _change("POST", f"{_ONE_TASK}/restart", "restartTask", "Replace the containers one after the other",
        Answer(200, "as it is now", TaskView),
        parameters=(_REF, _KEY, _IF_MATCH), problems=_CHANGING),
    _change("POST", f"{_ONE_TASK}/rollback", "rollBackTask", "Give it back the spec of before its last change",
        Answer(200, "as it is now", TaskView),
        parameters=(_REF, _KEY, _IF_MATCH), problems=_CHANGING),
    _get(f"{_ONE_TASK}/events", "listTaskEvents", "The events of one task, oldest first",
        Answer(200, "those after a revision, else the newest", list[EventView], headers=_PAGED),
        parameters=(_REF, _AFTER, _KIND, _limit(1_000), _CURSOR), problems=(404,)),
    _get(f"{_ONE_TASK}/logs", "readLogs", "What its containers wrote, one JSON object a line",
        Answer(200, "lines in the order of their time", LogRecord, LINES),
        parameters=(
            _REF, _query("follow", bool, "go on until the task has ended"),
            _query("tail", Annotated[str, Meta(pattern=r"^([0-9]{1,6}|all)$")], "so many last lines of each slot"),
            _query("since_ns", Count, "only newer lines"), _query("until_ns", Count, "only older lines"),
            _query("stdout", bool, "false leaves it out"), _query("stderr", bool, "false leaves it out"),
            _query("timestamps", bool, "taken for docker's sake: every line has its time"),
            _query("after", str, "go on behind what was read of each container"),
        ),
        problems=(404,), streams=True),
    _get(f"{_ONE_TASK}/explain", "explainTask", "Why it runs where it runs, or does not run",
        Answer(200, "every node's verdict", WhyView),
        parameters=(_REF, _query("slot", Count, "one slot only")), problems=(404,)),
    _get(routes.USAGE, "getUsage", "What containers use now, measured because of this call",
        Answer(200, "what runs, and the nodes that did not tell", UsageView),
        parameters=(_query("task", Name, "only of this task"), _NODE), problems=(404,)),
    _get(routes.NAMES, "listNames", "Names of tasks or nodes, for what completes them",
        Answer(200, "in order", list[str]),
        parameters=(_query("of", Noun, "task unless said otherwise"),
            _query("prefix", str, "how they begin"), _limit(1_000))),
    _get(f"{_ONE_TASK}/exec", "execInTask", "Run a command in a container, over a WebSocket", Answer(101, "it is open"),
        role=Role.SHELL, parameters=(_REF,), problems=(404, 426), streams=True),
    _get(f"{_ONE_TASK}/copy", "copyFiles", "Take files out of a container or put some in, over a WebSocket",
        Answer(101, "it is open"), role=Role.SHELL, parameters=(_REF,), problems=(404, 426), streams=True),
    # -- nodes
    _get(_NODES, "listNodes", "All nodes that fit, by name",
        Answer(200, "a page of nodes", list[NodeView], headers=_PAGED),
        parameters=(_query("state", NodeState, "only nodes of this condition or availability"), _LABEL, _NAME,
            _limit(10_000), _CURSOR)),
    _get(_ONE_NODE, "getNode", "One node", Answer(200, "the node", NodeView), parameters=(_NODE_REF,), problems=(404,)),
    _change("DELETE", _ONE_NODE, "removeNode", "Forget a node that is lost or empty",
        Answer(204, "it is forgotten"), role=Role.ADMIN,
        parameters=(_NODE_REF, _KEY, _query("force", bool, "also one whose volumes slots wait for")),
        problems=_CHANGING),
    _change("POST", f"{_ONE_NODE}/drain", "drainNode", "Move what it has away, and place nothing there",
        Answer(200, "as it is now", NodeView),
        parameters=(_NODE_REF, _KEY, _query("deadline_ms", Annotated[int, Meta(ge=0, le=365 * 24 * 3600 * 1000)],
            "stop what is left after so long"), _query("force", bool, "stop it at once")), problems=_CHANGING),
    _get(f"{_ONE_NODE}/drain", "getDrain", "How far a drain has come, and what keeps the rest",
        Answer(200, "what is left on it", DrainView), parameters=(_NODE_REF,), problems=(404,)),
    *(_change("POST", f"{_ONE_NODE}/{verb}", f"{verb}Node", summary,
        Answer(200, "as it is now", NodeView), parameters=(_NODE_REF, _KEY), problems=_CHANGING)
        for verb, summary in (("cordon", "Place nothing new there"), ("uncordon", "Place work there again"))),
    _change("POST", routes.REBALANCE, "rebalance", "Move replicas to where they would be placed today",
        Answer(200, "the moves in their order", list[MoveView]),
        parameters=(_DRY_RUN, _KEY, _query("max_moves", Annotated[int, Meta(ge=1, le=100)], "10 unless said otherwise"),
            _query("include_single", bool, "also those of tasks without another replica")),
        problems=_CHANGING),
    # -- what happens
    _get(routes.EVENTS, "listEvents", "What happened; or live, as server-sent events",
        Answer(200, "those after a revision, else the newest, oldest first", list[EventView], headers=_PAGED),
        Answer(200, "live: see events.md", EventView, SSE),
        parameters=(_AFTER, _query("task", Name, "only of this task"), _NODE, _KIND, _limit(1_000), _CURSOR,
            _query("follow", bool, "live, as with Accept: text/event-stream"), _LAST),
        problems=(404,), streams=True),
    _get(routes.WATCH, "watch", "Everything there is, and then every change of it, live: see events.md",
        Answer(200, "a snapshot, then whole views", Snapshot, SSE), parameters=(_LAST,), streams=True),
    _get(routes.ATTENTION, "getAttention", "What is wrong now, the worst first",
        Answer(200, "at most a hundred concerns, and how many there are", AttentionView)),
    # -- secrets
    _get(routes.SECRETS, "listSecrets", "The secrets by name, without their values",
        Answer(200, "all of them", list[SecretView]), role=Role.OPERATOR),
    _change("PUT", f"{routes.SECRETS}/{{ref}}", "setSecret", "Keep a value, the body as it is, as the newest version",
        Answer(200, "its name and version", SecretView), role=Role.ADMIN,
        parameters=(_SECRET_REF,), problems=(408, 409, 413, 507)),
    _change("DELETE", f"{routes.SECRETS}/{{ref}}", "removeSecret", "Forget a secret that no task names",
        Answer(204, "it is forgotten"), role=Role.ADMIN, parameters=(_SECRET_REF,), problems=(404, 409)),
    _get(routes.REGISTRIES, "listAccounts", "The accounts at registries, without their passwords",
        Answer(200, "all of them", list[AccountView]), role=Role.OPERATOR),
    _change("PUT", f"{routes.REGISTRIES}/{{ref}}", "setAccount", "Keep an account, in place of any other there",
        Answer(200, "the registry and the user", AccountView), role=Role.ADMIN, body=(AccountRequest,),
        parameters=(_REGISTRY_REF,), problems=(408, 409, 413, 507)),
    _change("DELETE", f"{routes.REGISTRIES}/{{ref}}", "removeAccount", "Forget the account at a registry",
        Answer(204, "it is forgotten"), role=Role.ADMIN, parameters=(_REGISTRY_REF,), problems=(404,)),
    # -- the page: open to all, and without anything of the cluster for who may not see it
    _get(routes.PAGE, "getPage", "The web page", Answer(200, "the page, with what the caller may see", str, HTML),
        role=None),
    _get(routes.ASSETS, "getPageFile", "A file of the page",
        *(Answer(200, "it", str, media, headers=("ETag",)) for kind, media in PAGE_MEDIA.items() if kind != "html"),
        Answer(304, "as in If-None-Match"),
        parameters=(Parameter("name", Place.PATH, Name, "a file of the page", "app.js"), _IF_NONE_MATCH),
        problems=(404,), role=None),
    # -- the manager itself
    _get(routes.STATS, "getStats", "How much there is, and how busy the manager is", Answer(200, "counts", StatsView)),
    _get(routes.METRICS, "getMetrics", "What the manager measures, for Prometheus",
        Answer(200, "see metrics.md", str, TEXT)),
    *(_get(f"{routes.DISCOVERY}/{kind}", f"discover{name}", f"The replicas that are ready, for {name}",
        Answer(200, "the same state gives the same bytes", shape, media))
        for kind, name, shape, media in (("prometheus", "Prometheus", list[Any], JSON),
            ("traefik", "Traefik", dict[str, Any], JSON), ("haproxy", "HAProxy", str, TEXT))),
    _get(routes.HEALTHZ, "getHealth", "Whether the process answers", Answer(200, "it does", StatusView),
        role=None),
    _get(routes.READYZ, "getReadiness", "Whether changes are taken", Answer(200, "they are", StatusView),
        role=None),
    _get(routes.VERSION, "getVersion", "Who answers", Answer(200, "its version and cluster", VersionView),
        role=None),
    _get(routes.OPENAPI, "getDescription", "This description, in OpenAPI 3.1", Answer(200, "it", dict[str, Any]),
        role=None),
    _get(routes.BACKUPS, "listBackups", "The backups of the ledger, the newest first",
        Answer(200, "where they are", list[BackupView]), role=Role.ADMIN),
    _change("POST", routes.BACKUPS, "makeBackup", "Make a backup of the ledger now",
        Answer(201, "where it is", BackupView), role=Role.ADMIN, problems=(507,)),
    _change("POST", routes.END_RECOVERY, "endRecovery", "End a recovery without waiting for more workers",
        Answer(204, "it is over"), role=Role.ADMIN, problems=(507,)),
    # -- who may do what, and who did
    _get(routes.TOKENS, "listTokens", "The tokens on record, without their secrets, oldest first",
        Answer(200, "all of them", list[TokenView]), role=Role.ADMIN),
    _change("POST", routes.TOKENS, "createToken", "Make a token for a person or a program",
        Answer(201, "the token; it is told here and never again", NewToken), role=Role.ADMIN,
        body=(TokenRequest,), example={"name": "ci", "role": "operator"}, problems=(408, 413, 415, 507)),
    _change("DELETE", f"{routes.TOKENS}/{{ref}}", "removeToken", "Revoke a token; what it has open is cut",
        Answer(204, "it opens nothing any more"), role=Role.ADMIN, parameters=(_TOKEN_REF,), problems=(404, 507)),
    _get(routes.AUDIT, "listAudit", "Who did what, and who was turned away, oldest first",
        Answer(200, "the newest entries, or those before one", list[AuditView], headers=_PAGED), role=Role.ADMIN,
        parameters=(_limit(1_000), _CURSOR)),
    _get(routes.AUDIT_CHECK, "checkAudit", "Whether an entry of the audit was changed or taken out",
        Answer(200, "what was found", AuditCheck), role=Role.ADMIN),
    # -- who joins
    _get(routes.ROOTS, "getRoots", "The roots of the cluster, to be compared with a pin",
        Answer(200, "certificates in PEM", RootsView), role=None, problems=(409,)),
    _change("POST", routes.JOIN, "join", "Let a worker in whose join token is good; the same key may ask again",
        Answer(200, "its certificate", Certified), role=None, body=(JoinRequest,),
        problems=(403, *_CHANGING, 429)),
    _get(routes.JOIN_TOKENS, "listJoinTokens", "The join tokens, the oldest first",
        Answer(200, "what is known of them; never their secrets", list[JoinTokenView]), role=Role.ADMIN,
        problems=(409,)),
    _change("POST", routes.JOIN_TOKENS, "makeJoinToken", "Make a join token: for an hour and one machine unless told",
        Answer(201, "the token, told this once", JoinTokenView), role=Role.ADMIN, body=(JoinTokenWish,),
        example={"ttl_ms": 3600000, "uses": 1}, problems=_CHANGING),
    _change("DELETE", f"{routes.JOIN_TOKENS}/{{ref}}", "removeJoinToken", "Make a join token worthless",
        Answer(204, "it lets nobody in"), role=Role.ADMIN,
        parameters=(_JOIN_TOKEN_REF,), problems=(404, 409, 507)),
    _change("POST", f"{_ONE_NODE}/revoke", "revokeNode", "Deny the certificates of a node and cut its connections",
        Answer(204, "it is out"), role=Role.ADMIN, parameters=(_NODE_REF,), problems=(404, 409, 507)),
    _get(routes.ROTATION, "getRotation", "The root, and how far a rotation of it is",
        Answer(200, "the stage, and the nodes it waits for", RotationView), problems=(409,)),
    _change("POST", routes.ROTATION, "rotateRoot", "Put a new root in the place of the old one, step by step",
        Answer(200, "how far it is", RotationView), role=Role.ADMIN,
        parameters=(_query("finish", bool, "go on without nodes that are not connected: they need a token then"),),
        problems=(409, 507)),
    # -- workers
    _change("POST", routes.CERTIFICATE, "renewCertificate", "Another certificate for the key of a worker",
        Answer(200, "the certificate", Certified), role=Role.WORKER, body=(CertificateRequest,),
        problems=(403, *_CHANGING)),
    _get(routes.SESSION, "openSession", "The session of a worker, a WebSocket", Answer(101, "it is open"),
        role=Role.WORKER, streams=True),
    _get(routes.TUNNEL, "carryTunnel", "The worker's end of what somebody does in a container",
        Answer(101, "it is open"), role=Role.WORKER, problems=(404, 426), streams=True),
    _change("POST", routes.STREAM, "carryStream", "What a worker brings for somebody who asked for it",
        Answer(204, "all was taken"), role=Role.WORKER, problems=(404,)),
)

WORKER = (
    _get(_TASK, "listAllocations", "What is on this worker", Answer(200, "all of it", list[AllocationView])),
    _get(f"{_TASK}/{{id}}", "getAllocation", "What is on this worker of one task, or one allocation",
        Answer(200, "an allocation by its id, a list by the task's id or name", (AllocationView, list[AllocationView])),
        problems=(404,)),
    _get(routes.STATS, "getStats", "What the machine has and uses",
        Answer(200, "in the ancestors' shape", dict[str, Any])),
    _get(routes.HEALTHZ, "getHealth", "Whether it can do its work",
        Answer(200, "it can", str, TEXT), Answer(503, "what is wrong", str, TEXT), role=None),
    _get(routes.METRICS, "getMetrics", "What the worker measures, for Prometheus",
        Answer(200, "see metrics.md", str, TEXT), role=None),
)
# fmt: on


def aliased(path: str) -> str:
    """Return the path under which the table has it: `/tasks/x` is `/task/x`."""
    for short, long in (routes.TASKS, routes.NODES):
        if path == long or path.startswith(f"{long}/"):
            return short + path.removeprefix(long)
    return path
