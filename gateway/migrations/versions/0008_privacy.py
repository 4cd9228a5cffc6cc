"""Forgetting: what is left elsewhere, what must not be written any more; texts that were kept long enough"""

import sqlalchemy as sa
from alembic import op

revision = '0008'
down_revision = '0007'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('refusal',
    sa.Column('address_index', sa.String(length=64), nullable=False),
    sa.Column('topic', sa.String(length=32), nullable=False),
    sa.PrimaryKeyConstraint('address_index', 'topic', name=op.f('pk_refusal'))
    )
    op.create_table('leftover',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('place', sa.String(length=16), nullable=False),
    sa.Column('name', sa.String(length=64), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_leftover'))
    )
    op.add_column('message', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('mail', sa.Column('erased_at', sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column('mail', 'erased_at')
    op.drop_column('message', 'erased_at')
    op.drop_table('leftover')
    op.drop_table('refusal')
