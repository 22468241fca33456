"""The paths of the manager's and the worker's HTTP API, written once."""

TASKS = ("/task", "/tasks")
NODES = ("/node", "/nodes")
EVENTS = "/event"
WATCH = "/watch"
ATTENTION = "/attention"
HEALTHZ = "/healthz"
READYZ = "/readyz"
VERSION = "/version"
BACKUPS = "/backup"
END_RECOVERY = "/recovery/end"
REBALANCE = "/rebalance"
SECRETS = "/secret"
STATS = "/stats"
METRICS = "/metrics"
DISCOVERY = "/discovery"
OPENAPI = "/openapi.json"
SESSION = "/worker/session"
STREAM = "/worker/stream/{stream_id}"

DEFAULT_MANAGER_PORT = 5555
DEFAULT_WORKER_PORT = 5556
