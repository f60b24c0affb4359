"""
The first schema.

A database gains: runs with their plan, launches with what failed and why, samples with every token's time, one row a
launch and metric for quick reading, the events that all of it was derived from, and the tables that phones, imports
and baselines will use.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "artifact",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("quant", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=True),
        sa.Column("n_bytes", sa.BigInteger(), nullable=True),
        sa.Column("tensor_bytes", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("is_synthetic", sa.Boolean(), nullable=False),
        sa.Column("has_tokenizer", sa.Boolean(), nullable=False),
        sa.Column("shape_json", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_artifact")),
        sa.UniqueConstraint("identity", name=op.f("uq_artifact_identity")),
    )
    op.create_table(
        "device",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=True),
        sa.Column("cpu_model", sa.Text(), nullable=True),
        sa.Column("product_type", sa.Text(), nullable=True),
        sa.Column("n_physical_cores", sa.Integer(), nullable=True),
        sa.Column("n_logical_cores", sa.Integer(), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("is_virtual", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_device")),
        sa.UniqueConstraint("fingerprint", name=op.f("uq_device_fingerprint")),
    )
    op.create_table(
        "paired_device",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=True),
        sa.Column("secret_digest", sa.LargeBinary(), nullable=False),
        sa.Column("paired_at_utc", sa.Text(), nullable=False),
        sa.Column("last_seen_at_utc", sa.Text(), nullable=True),
        sa.Column("revoked_at_utc", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_paired_device")),
        sa.UniqueConstraint("id", name=op.f("uq_paired_device_id")),
    )
    op.create_table(
        "run",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("started_at_utc", sa.Text(), nullable=False),
        sa.Column("ended_at_utc", sa.Text(), nullable=True),
        sa.Column("suite", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("arm_order", sa.Text(), nullable=True),
        sa.Column("plan_json", sa.Text(), nullable=False),
        sa.Column("n_blocks_done", sa.Integer(), server_default="0", nullable=False),
        sa.Column("stop_reason", sa.Text(), nullable=True),
        sa.Column("phibench_version", sa.Text(), nullable=True),
        sa.Column("git_commit", sa.Text(), nullable=True),
        sa.Column("command_line", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_run")),
        sa.UniqueConstraint("id", name=op.f("uq_run_id")),
    )
    op.create_table(
        "source",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=True),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("tool", sa.Text(), nullable=True),
        sa.Column("tool_version", sa.Text(), nullable=True),
        sa.Column("importer_version", sa.Text(), nullable=True),
        sa.Column("licence", sa.Text(), nullable=True),
        sa.Column("imported_at_utc", sa.Text(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_source")),
        sa.UniqueConstraint("sha256", name=op.f("uq_source_sha256")),
    )
    op.create_table(
        "workload",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("n_prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("n_generated_tokens", sa.Integer(), nullable=False),
        sa.Column("n_depth_tokens", sa.Integer(), nullable=False),
        sa.Column("prompt_seed", sa.BigInteger(), nullable=False),
        sa.Column("prompt_path", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_workload")),
        sa.UniqueConstraint("identity", name=op.f("uq_workload_identity")),
    )
    op.create_table(
        "arm",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("artifact_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("options_json", sa.Text(), nullable=False),
        sa.Column("python", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["artifact_key"], ["artifact.key"], name=op.f("fk_arm_artifact_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_arm")),
        sa.UniqueConstraint("identity", name=op.f("uq_arm_identity")),
    )
    op.create_table(
        "environment",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("device_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("os_name", sa.Text(), nullable=False),
        sa.Column("os_version", sa.Text(), nullable=True),
        sa.Column("os_build", sa.Text(), nullable=True),
        sa.Column("engine", sa.Text(), nullable=True),
        sa.Column("engine_version", sa.Text(), nullable=True),
        sa.Column("python_version", sa.Text(), nullable=True),
        sa.Column("phibench_version", sa.Text(), nullable=True),
        sa.Column("device_json", sa.Text(), nullable=False),
        sa.Column("engine_json", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["device_key"], ["device.key"], name=op.f("fk_environment_device_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_environment")),
        sa.UniqueConstraint("digest", name=op.f("uq_environment_digest")),
    )
    op.create_table(
        "job",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("launch_id", sa.Text(), nullable=False),
        sa.Column("paired_device_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("job_json", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created_at_utc", sa.Text(), nullable=False),
        sa.Column("lease_id", sa.Text(), nullable=True),
        sa.Column("leased_until_utc", sa.Text(), nullable=True),
        sa.Column("n_attempts", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["paired_device_key"], ["paired_device.key"], name=op.f("fk_job_paired_device_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_job")),
        sa.UniqueConstraint("launch_id", name=op.f("uq_job_launch_id")),
    )
    op.create_index("ix_job_queue", "job", ["paired_device_key", "state", "key"], unique=False)
    op.create_table(
        "named_run",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("run_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("set_at_utc", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_key"], ["run.key"], name=op.f("fk_named_run_run_key"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_named_run")),
    )
    op.create_table(
        "launch",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("run_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("arm_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("workload_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("environment_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("flags", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("is_orphaned", sa.Boolean(), nullable=False),
        sa.Column("replication_unit", sa.Text(), nullable=False),
        sa.Column("job_json", sa.Text(), nullable=False),
        sa.Column("gate_json", sa.Text(), nullable=True),
        sa.Column("gate_waited_s", sa.Float(precision=53), nullable=True),
        sa.Column("started_at_utc", sa.Text(), nullable=True),
        sa.Column("ended_at_utc", sa.Text(), nullable=True),
        sa.Column("backend", sa.Text(), nullable=True),
        sa.Column("n_threads", sa.Integer(), nullable=True),
        sa.Column("loaded_json", sa.Text(), nullable=True),
        sa.Column("failure_kind", sa.Text(), nullable=True),
        sa.Column("failure_message", sa.Text(), nullable=True),
        sa.Column("failure_remedy", sa.Text(), nullable=True),
        sa.Column("failure_phase", sa.Text(), nullable=True),
        sa.Column("failure_detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["arm_key"], ["arm.key"], name=op.f("fk_launch_arm_key"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["environment_key"], ["environment.key"], name=op.f("fk_launch_environment_key"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_key"], ["run.key"], name=op.f("fk_launch_run_key"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workload_key"], ["workload.key"], name=op.f("fk_launch_workload_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_launch")),
        sa.UniqueConstraint("id", name=op.f("uq_launch_id")),
        sa.UniqueConstraint("run_key", "number", name=op.f("uq_launch_run_key")),
    )
    op.create_index("ix_launch_cell", "launch", ["arm_key", "workload_key", "run_key"], unique=False)
    op.create_table(
        "event",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("launch_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("t_ns", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("data_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["launch_key"], ["launch.key"], name=op.f("fk_event_launch_key"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_event")),
        sa.UniqueConstraint("launch_key", "boot", "seq", name=op.f("uq_event_launch_key")),
    )
    op.create_table(
        "event_conflict",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("launch_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("received_at_utc", sa.Text(), nullable=False),
        sa.Column("event_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["launch_key"], ["launch.key"], name=op.f("fk_event_conflict_launch_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_event_conflict")),
        sa.UniqueConstraint("launch_key", "boot", "seq", "digest", name=op.f("uq_event_conflict_launch_key")),
    )
    op.create_table(
        "launch_stat",
        sa.Column("launch_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("arm_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("workload_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("environment_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("started_at_utc", sa.Text(), nullable=True),
        sa.Column("is_good", sa.Boolean(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("median", sa.Float(precision=53), nullable=False),
        sa.Column("low", sa.Float(precision=53), nullable=False),
        sa.Column("high", sa.Float(precision=53), nullable=False),
        sa.ForeignKeyConstraint(
            ["launch_key"], ["launch.key"], name=op.f("fk_launch_stat_launch_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("launch_key", "metric", name=op.f("pk_launch_stat")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_launch_stat_covering",
        "launch_stat",
        [
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
        ],
        unique=False,
    )
    op.create_index("ix_launch_stat_run", "launch_stat", ["run_key", "arm_key", "workload_key"], unique=False)
    op.create_table(
        "reported_value",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("launch_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("source_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("iteration", sa.Integer(), nullable=True),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(precision=53), nullable=True),
        sa.Column("unit", sa.Text(), nullable=True),
        sa.Column("value_text", sa.Text(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=True),
        sa.Column("sd", sa.Float(precision=53), nullable=True),
        sa.Column("raw_digest", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["launch_key"], ["launch.key"], name=op.f("fk_reported_value_launch_key"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["source_key"], ["source.key"], name=op.f("fk_reported_value_source_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_reported_value")),
    )
    op.create_index("ix_reported_value_launch", "reported_value", ["launch_key"], unique=False)
    op.create_index("ix_reported_value_source", "reported_value", ["source_key", "metric"], unique=False)
    op.create_table(
        "sample",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("launch_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("boot", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("iteration", sa.Integer(), nullable=False),
        sa.Column("is_warmup", sa.Boolean(), nullable=False),
        sa.Column("n_prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("n_cached_tokens", sa.Integer(), nullable=False),
        sa.Column("n_generated_tokens", sa.Integer(), nullable=False),
        sa.Column("granularity", sa.Text(), nullable=False),
        sa.Column("finish_reason", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=True),
        sa.Column("cpu_time_ns", sa.BigInteger(), nullable=True),
        sa.Column("ttft_s", sa.Float(precision=53), nullable=True),
        sa.Column("decode_tok_per_s", sa.Float(precision=53), nullable=True),
        sa.Column("prefill_tok_per_s", sa.Float(precision=53), nullable=True),
        sa.Column("e2e_s", sa.Float(precision=53), nullable=True),
        sa.Column("e2e_tok_per_s", sa.Float(precision=53), nullable=True),
        sa.Column("stall_count", sa.Integer(), nullable=True),
        sa.Column("kernel_prefill_tok_per_s", sa.Float(precision=53), nullable=True),
        sa.Column("kernel_decode_tok_per_s", sa.Float(precision=53), nullable=True),
        sa.Column("cpu_share", sa.Float(precision=53), nullable=True),
        sa.Column("packed_times", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["launch_key"], ["launch.key"], name=op.f("fk_sample_launch_key"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_sample")),
        sa.UniqueConstraint("launch_key", "seq", "boot", name=op.f("uq_sample_launch_key")),
    )
    # ### end Alembic commands ###
