"""What Celery is told. Read when the queue is first used, so that importing it needs no settings."""

import ssl

from workers import queues
from workers.settings import queue

broker_url = queue().redis_url
# By itself the library speaks TLS with whoever answers; None is no TLS at all.
broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED} if broker_url.startswith("rediss://") else None
task_ignore_result = True
task_serializer = "json"
accept_content = ["json"]
timezone = "UTC"
task_default_queue = queues.WORK
task_routes = queues.ROUTES
worker_hijack_root_logger = False
worker_prefetch_multiplier = 1
broker_connection_retry_on_startup = True
broker_transport_options = {"socket_timeout": 5, "socket_connect_timeout": 5}
# A door that cannot reach Redis says so at once: the sweeper finds what nobody was told of.
task_publish_retry = False
task_soft_time_limit = 120
task_time_limit = 150
# Strikes of the clock that nobody took pile up no further. It is long, because a queue that is further behind
# than this has every strike thrown away unread, and then the worker is busy and nothing is done.
_LATE_SECONDS = 60
beat_schedule = {
    "sweep": {
        "task": "workers.tasks.sweep",
        "schedule": queue().pennyrail_sweep_seconds,
        "options": {"expires": 60},
    },
    "decide-exceptions": {
        "task": "workers.tasks.decide_exceptions",
        "schedule": queue().pennyrail_sweep_seconds,
        "options": {"expires": _LATE_SECONDS},
    },
    "expire-proposals": {
        "task": "workers.tasks.expire_proposals",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "watch-deposits": {
        "task": "workers.tasks.watch_deposits",
        "schedule": queue().pennyrail_watch_seconds,
        "options": {"expires": _LATE_SECONDS},
    },
    "audit-deposits": {
        "task": "workers.tasks.audit_deposits",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "check-chain": {
        "task": "workers.tasks.check_chain",
        "schedule": 15.0,
        "options": {"expires": _LATE_SECONDS},
    },
    "check-balances": {
        "task": "workers.tasks.check_balances",
        "schedule": 300.0,
        "options": {"expires": 300},
    },
    "seal": {
        "task": "workers.tasks.seal",
        "schedule": queue().pennyrail_seal_seconds,
        "options": {"expires": _LATE_SECONDS},
    },
    "expire": {
        "task": "workers.tasks.expire",
        "schedule": queue().pennyrail_expire_seconds,
        "options": {"expires": _LATE_SECONDS},
    },
    "count-figures": {
        "task": "workers.tasks.count_figures",
        "schedule": queue().pennyrail_figures_seconds,
        "options": {"expires": _LATE_SECONDS},
    },
    "tell-events": {
        "task": "workers.tasks.tell_events",
        "schedule": queue().pennyrail_tell_seconds,
        "options": {"expires": _LATE_SECONDS},
    },
    "deliver-webhooks": {
        "task": "workers.tasks.deliver_webhooks",
        "schedule": queue().pennyrail_tell_seconds,
        "options": {"expires": _LATE_SECONDS},
    },
    "reconcile": {
        "task": "workers.tasks.reconcile",
        "schedule": queue().pennyrail_reconcile_seconds,
        "options": {"expires": 600},
    },
    "make-exports": {
        "task": "workers.exporting.make_exports",
        "schedule": 10.0,
        "options": {"expires": _LATE_SECONDS},
    },
    "remove-exports": {
        "task": "workers.exporting.remove_exports",
        "schedule": 3600.0,
        "options": {"expires": 600},
    },
    "recover-notices": {
        "task": "workers.tasks.recover_notices",
        "schedule": queue().pennyrail_recover_seconds,
        "options": {"expires": 60},
    },
}
