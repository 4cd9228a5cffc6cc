"""What happened lately is found by its day: what was received, sent, refused, spent"""

from alembic import op

revision = '0009'
down_revision = '0008'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index('ix_message_created', 'message', ['created_at'], unique=False)


def downgrade() -> None:
    op.drop_index('ix_message_created', table_name='message')
