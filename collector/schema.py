"""
The tables, in SQLAlchemy Core: one definition for SQLite and PostgreSQL.

``key`` is a number that joins rows and never leaves the database; ``id`` is a name that people and other programs
see. JSON that is only read whole is text in canonical form. Metric columns come from ``collector.metrics``; the newest
migration must equal this file (a test compares them). No queries here.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from collector.metrics import SAMPLE_METRICS, Metric

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

_KEY = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only in a column INTEGER


def _key() -> Column[int]:
    return Column("key", _KEY, primary_key=True)


def _ref(name: str, table: str, *, is_optional: bool = False) -> Column[int]:
    """A reference that goes away with what it refers to."""
    return Column(name, _KEY, ForeignKey(f"{table}.key", ondelete="CASCADE"), nullable=is_optional)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def metric_column(metric: Metric) -> Column[Any]:
    """The column of one sample metric: NULL where it is unknown."""
    return Column(metric.name, Integer() if metric.is_integer else Float(53))


device = Table(
    "device",
    METADATA,
    _key(),
    Column("fingerprint", Text, nullable=False, unique=True),
    _text("name"),
    _text("kind"),
    Column("machine", Text),
    Column("cpu_model", Text),
    Column("product_type", Text),
    Column("n_physical_cores", Integer),
    Column("n_logical_cores", Integer),
    Column("memory_bytes", BigInteger),
    Column("is_virtual", Boolean),
)

environment = Table(
    "environment",
    METADATA,
    _key(),
    Column("digest", LargeBinary, nullable=False, unique=True),
    _ref("device_key", "device"),
    _text("os_name"),
    Column("os_version", Text),
    Column("os_build", Text),
    Column("engine", Text),
    Column("engine_version", Text),
    Column("python_version", Text),
    Column("phibench_version", Text),
    _text("device_json"),
    Column("engine_json", Text),
)

bandwidth = Table(
    "bandwidth",
    METADATA,
    _key(),
    _ref("device_key", "device"),
    _text("measured_at_utc"),
    Column("byte_per_s", Float(53), nullable=False),
    Column("median_byte_per_s", Float(53), nullable=False),
    Column("n_threads", Integer, nullable=False),
    Column("buffer_bytes", BigInteger, nullable=False),
    Column("n_reads", Integer, nullable=False),
    _text("method"),
    Index("ix_bandwidth_device", "device_key", "key"),
)
"""Memory bandwidth of a device, each time it was measured."""

artifact = Table(
    "artifact",
    METADATA,
    _key(),
    Column("identity", LargeBinary, nullable=False, unique=True),
    _text("model"),
    _text("format"),
    _text("quant"),
    Column("path", Text),
    Column("n_bytes", BigInteger),
    Column("tensor_bytes", BigInteger),
    Column("digest", Text),
    Column("is_synthetic", Boolean, nullable=False),
    Column("has_tokenizer", Boolean, nullable=False),
    Column("shape_json", Text),
)

arm = Table(
    "arm",
    METADATA,
    _key(),
    Column("identity", LargeBinary, nullable=False, unique=True),
    _ref("artifact_key", "artifact"),
    _text("engine"),
    _text("options_json"),
    Column("python", Text),
)

workload = Table(
    "workload",
    METADATA,
    _key(),
    Column("identity", LargeBinary, nullable=False, unique=True),
    _text("name"),
    _text("kind"),
    Column("n_prompt_tokens", Integer, nullable=False),
    Column("n_generated_tokens", Integer, nullable=False),
    Column("n_depth_tokens", Integer, nullable=False),
    Column("prompt_seed", BigInteger, nullable=False),
    Column("prompt_path", Text),
)

run = Table(
    "run",
    METADATA,
    _key(),
    Column("id", Text, nullable=False, unique=True),
    _text("started_at_utc"),
    Column("ended_at_utc", Text),
    _text("suite"),
    Column("seed", BigInteger, nullable=False),
    Column("arm_order", Text),
    _text("plan_json"),
    Column("n_blocks_done", Integer, nullable=False, server_default="0"),
    Column("stop_reason", Text),
    Column("phibench_version", Text),
    Column("git_commit", Text),
    Column("command_line", Text),
    Column("note", Text),
)

launch = Table(
    "launch",
    METADATA,
    _key(),
    Column("id", Text, nullable=False, unique=True),
    _ref("run_key", "run"),
    Column("number", Integer, nullable=False),
    Column("block", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    _ref("arm_key", "arm"),
    _ref("workload_key", "workload"),
    _ref("environment_key", "environment", is_optional=True),
    _text("state"),
    Column("flags", Text, nullable=False, server_default=text("''")),
    Column("is_orphaned", Boolean, nullable=False),
    _text("replication_unit"),
    _text("job_json"),
    Column("gate_json", Text),
    Column("gate_waited_s", Float(53)),
    Column("started_at_utc", Text),
    Column("ended_at_utc", Text),
    Column("backend", Text),
    Column("n_threads", Integer),
    Column("loaded_json", Text),
    Column("failure_kind", Text),
    Column("failure_message", Text),
    Column("failure_remedy", Text),
    Column("failure_phase", Text),
    Column("failure_detail", Text),
    Column("arm_index", Integer),
    Column("is_end_waiting", Boolean),
    Column("is_provisional", Boolean),
    UniqueConstraint("run_key", "number"),
    Index("ix_launch_cell", "arm_key", "workload_key", "run_key"),
    Index("ix_launch_failure", "state", "failure_kind", "arm_key", "workload_key"),
)

launch_stat = Table(
    "launch_stat",
    METADATA,
    Column("launch_key", _KEY, ForeignKey("launch.key", ondelete="CASCADE"), primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("arm_key", _KEY, nullable=False),
    Column("workload_key", _KEY, nullable=False),
    Column("run_key", _KEY, nullable=False),
    Column("device_key", _KEY),
    Column("environment_key", _KEY),
    Column("block", Integer, nullable=False),
    Column("started_at_utc", Text),
    Column("is_good", Boolean, nullable=False),
    Column("n", Integer, nullable=False),
    Column("median", Float(53), nullable=False),
    Column("low", Float(53), nullable=False),
    Column("high", Float(53), nullable=False),
    Index(
        "ix_launch_stat_covering",
        "metric",
        "arm_key",
        "workload_key",
        "median",
        "run_key",
        "device_key",
        "environment_key",
        "block",
        "started_at_utc",
        "is_good",
        "launch_key",
    ),
    Index("ix_launch_stat_run", "run_key", "arm_key", "workload_key"),
    sqlite_with_rowid=False,
)
"""One row a launch and metric; pages read this and never scan ``sample``."""

sample = Table(
    "sample",
    METADATA,
    _key(),
    _ref("launch_key", "launch"),
    _text("boot"),
    Column("seq", Integer, nullable=False),
    Column("iteration", Integer, nullable=False),
    Column("is_warmup", Boolean, nullable=False),
    Column("n_prompt_tokens", Integer, nullable=False),
    Column("n_cached_tokens", Integer, nullable=False),
    Column("n_generated_tokens", Integer, nullable=False),
    Column("granularity", Text, nullable=False),
    Column("finish_reason", Text, nullable=False),
    Column("token_hash", LargeBinary),
    Column("cpu_time_ns", BigInteger),
    *(metric_column(metric) for metric in SAMPLE_METRICS),
    Column("packed_times", LargeBinary, nullable=False),
    UniqueConstraint("launch_key", "seq", "boot"),
)

event = Table(
    "event",
    METADATA,
    _key(),
    _ref("launch_key", "launch"),
    _text("boot"),
    Column("seq", Integer, nullable=False),
    Column("t_ns", BigInteger, nullable=False),
    _text("type"),
    Column("digest", LargeBinary, nullable=False),
    _text("data_json"),
    UniqueConstraint("launch_key", "boot", "seq"),
)

event_conflict = Table(
    "event_conflict",
    METADATA,
    _key(),
    _ref("launch_key", "launch"),
    _text("boot"),
    Column("seq", Integer, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    _text("received_at_utc"),
    _text("event_json"),
    UniqueConstraint("launch_key", "boot", "seq", "digest"),
)
"""Events whose key was taken already by another content: kept as evidence, never used."""

paired_device = Table(
    "paired_device",
    METADATA,
    _key(),
    Column("id", Text, nullable=False, unique=True),
    _text("name"),
    Column("fingerprint", Text),
    Column("secret_digest", LargeBinary, nullable=False),
    _text("paired_at_utc"),
    Column("last_seen_at_utc", Text),
    Column("revoked_at_utc", Text),
    Column("hello_json", Text),
)

job = Table(
    "job",
    METADATA,
    _key(),
    Column("launch_id", Text, nullable=False, unique=True),
    _ref("paired_device_key", "paired_device"),
    _text("job_json"),
    _text("state"),
    _text("created_at_utc"),
    Column("lease_id", Text),
    Column("leased_until_utc", Text),
    Column("n_attempts", Integer, nullable=False, server_default="0"),
    Column("cancelled_at_utc", Text),
    Column("release_reason", Text),
    Index("ix_job_queue", "paired_device_key", "state", "key"),
)

named_run = Table(
    "named_run",
    METADATA,
    Column("name", Text, primary_key=True),
    _ref("run_key", "run"),
    _text("set_at_utc"),
)

source = Table(
    "source",
    METADATA,
    _key(),
    Column("sha256", LargeBinary, unique=True),
    _text("name"),
    Column("title", Text),
    Column("url", Text),
    Column("tool", Text),
    Column("tool_version", Text),
    Column("importer_version", Text),
    Column("licence", Text),
    _text("imported_at_utc"),
    Column("raw", LargeBinary),
)

reported_value = Table(
    "reported_value",
    METADATA,
    _key(),
    _ref("launch_key", "launch", is_optional=True),
    _ref("source_key", "source", is_optional=True),
    Column("iteration", Integer),
    _text("metric"),
    _text("definition"),
    _text("level"),
    Column("value", Float(53)),
    Column("unit", Text),
    Column("value_text", Text),
    Column("n", Integer),
    Column("sd", Float(53)),
    Column("raw_digest", LargeBinary),
    Index("ix_reported_value_launch", "launch_key"),
    Index("ix_reported_value_source", "source_key", "metric"),
)
