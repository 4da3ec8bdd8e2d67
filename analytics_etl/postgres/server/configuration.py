"""The configuration file of the embedded server, with memory settings for this machine."""

from pathlib import Path

import psutil

_TEMPLATE = """\
# Written at every start: changes here are lost. Settings of your own go to the end of data/postgresql.conf.
listen_addresses = ''                # no TCP: trust authentication would open it to every user of the machine
unix_socket_directories = '{socket}'
unix_socket_permissions = 0700
cluster_name = '{name}'  # in the titles of its processes: those of a killed server are found by it
port = {port}
max_connections = 100                # a few runs at a time, the web server, the daemon, a person or two

fsync = on                           # a power cut must not cost data; never turn it off
restart_after_crash = on             # nobody else watches the server
wal_level = minimal                  # no replicas, so a new partition's rows need not be logged a second time
max_wal_senders = 0                  # required by wal_level = minimal
wal_skip_threshold = '64MB'          # below it a new partition is logged after all: faster than syncing its files
max_wal_size = '8GB'                 # a load of millions of rows passes without a checkpoint in its middle
checkpoint_timeout = '15min'         # likewise

shared_buffers = '{shared_mb}MB'     # an eighth of the memory: DuckDB and Dagster live on the same machine
effective_cache_size = '{cache_mb}MB'  # half of the memory: what the file system probably caches
maintenance_work_mem = '{maintenance_mb}MB'  # building indexes, refreshing views
max_parallel_workers_per_gather = 2  # several runs share the processors
dynamic_shared_memory_type = mmap    # a container's /dev/shm is too small for parallel hash joins
jit = off                            # compiling takes longer than these queries gain

timezone = 'UTC'                     # windows are UTC, whatever the machine's clock shows
log_timezone = 'UTC'
logging_collector = off              # pg_ctl appends to log/server.log, renamed at a start when it has grown
"""


def configuration(name: str, socket_dir: Path, port: str) -> str:
    """The configuration for the memory of this machine or container."""
    limit = Path("/sys/fs/cgroup/memory.max")
    allowed = limit.read_text().strip() if limit.is_file() else ""
    memory = min(psutil.virtual_memory().total, int(allowed) if allowed.isdigit() else 2**63) // 2**20
    quoted = str(socket_dir).replace('"', '""').replace("\\", "\\\\").replace("'", "''")
    return _TEMPLATE.format(
        name=name,
        socket=f'"{quoted}"',
        port=port,
        shared_mb=min(max(memory // 8, 128), 1024),
        cache_mb=memory // 2,
        maintenance_mb=min(max(memory // 16, 64), 512),
    )
