"""What another tool said last of each thing: its webhooks come in any order"""

import sqlalchemy as sa
from alembic import op

revision = '0006'
down_revision = '0005'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('external_event',
    sa.Column('source', sa.String(length=32), nullable=False),
    sa.Column('what', sa.String(length=16), nullable=False),
    sa.Column('external_id', sa.String(length=64), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('source', 'what', 'external_id', name=op.f('pk_external_event'))
    )


def downgrade() -> None:
    op.drop_table('external_event')
