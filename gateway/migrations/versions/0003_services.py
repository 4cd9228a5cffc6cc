"""Local services, imported from data·inclusion"""

import sqlalchemy as sa
from alembic import op

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('service',
    sa.Column('id', sa.String(length=200), nullable=False),
    sa.Column('name', sa.String(length=150), nullable=False),
    sa.Column('structure', sa.String(length=150), nullable=False),
    sa.Column('thematiques', sa.JSON(), nullable=False),
    sa.Column('phone', sa.String(length=32), nullable=False),
    sa.Column('hours', sa.Text(), nullable=False),
    sa.Column('commune', sa.String(length=5), nullable=False),
    sa.Column('address', sa.Text(), nullable=False),
    sa.Column('zones', sa.JSON(), nullable=False),
    sa.Column('remote', sa.Boolean(), nullable=False),
    sa.Column('in_person', sa.Boolean(), nullable=False),
    sa.Column('by_users', sa.Boolean(), nullable=False),
    sa.Column('updated_on', sa.Date(), nullable=False),
    sa.Column('fictional', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service'))
    )


def downgrade() -> None:
    op.drop_table('service')
