"""Since when: a person has no number, her referent knows that she will be erased, a referent is gone"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("conversation", sa.Column("warned_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("beneficiary", sa.Column("no_number_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("referent", sa.Column("idle_since", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("referent", "idle_since")
    op.drop_column("beneficiary", "no_number_since")
    op.drop_column("conversation", "warned_at")
