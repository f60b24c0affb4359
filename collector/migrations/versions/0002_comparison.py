"""
A database gains what comparisons need: which of the plan's arms a launch belongs to, the measured bandwidth, and an
index by which failed launches are found.

Launches of before have no arm number: they are told apart by their arm alone, so an arm cannot be set against itself
in those runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("launch", sa.Column("arm_index", sa.Integer(), nullable=True))
    op.create_index("ix_launch_failure", "launch", ["state", "failure_kind", "arm_key", "workload_key"], unique=False)
    op.create_table(
        "bandwidth",
        sa.Column("key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("device_key", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("measured_at_utc", sa.Text(), nullable=False),
        sa.Column("byte_per_s", sa.Float(precision=53), nullable=False),
        sa.Column("median_byte_per_s", sa.Float(precision=53), nullable=False),
        sa.Column("n_threads", sa.Integer(), nullable=False),
        sa.Column("buffer_bytes", sa.BigInteger(), nullable=False),
        sa.Column("n_reads", sa.Integer(), nullable=False),
        sa.Column("method", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_key"], ["device.key"], name=op.f("fk_bandwidth_device_key"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_bandwidth")),
    )
    op.create_index("ix_bandwidth_device", "bandwidth", ["device_key", "key"], unique=False)
