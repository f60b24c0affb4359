"""
A database gains what phones need: what a paired phone said of itself last, jobs that a person cancelled or the phone
gave back, and of a launch whether its end is known and waits for missing events, or was put there by the host and gives
way to the phone's own.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("launch", sa.Column("is_end_waiting", sa.Boolean(), nullable=True))
    op.add_column("launch", sa.Column("is_provisional", sa.Boolean(), nullable=True))
    op.add_column("paired_device", sa.Column("hello_json", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("cancelled_at_utc", sa.Text(), nullable=True))
    op.add_column("job", sa.Column("release_reason", sa.Text(), nullable=True))
