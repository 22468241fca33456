"""The paths of the manager's and the worker's HTTP API, written once."""

TASKS = ("/task", "/tasks")
NODES = ("/node", "/nodes")
EVENTS = "/event"
WATCH = "/watch"
ATTENTION = "/attention"
PAGE = "/"
ASSETS = "/page/{name}"
HEALTHZ = "/healthz"
READYZ = "/readyz"
VERSION = "/version"
BACKUPS = "/backup"
END_RECOVERY = "/recovery/end"
REBALANCE = "/rebalance"
SECRETS = "/secret"
STATS = "/stats"
METRICS = "/metrics"
TOKENS = "/token"
AUDIT = "/audit"
AUDIT_CHECK = "/audit/check"
DISCOVERY = "/discovery"
OPENAPI = "/openapi.json"
NAMES = "/name"
USAGE = "/usage"
SESSION = "/worker/session"
STREAM = "/worker/stream/{stream_id}"
TUNNEL = "/worker/tunnel/{tunnel_id}"

DEFAULT_MANAGER_PORT = 5555
DEFAULT_WORKER_PORT = 5556
