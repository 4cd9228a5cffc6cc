"""Appointments, openings, calendars, notices; the workspace's sessions and its record of who looked at whom"""

import sqlalchemy as sa
from alembic import op

revision = '0005'
down_revision = '0004'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('absence',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('substitute_id', sa.Integer(), nullable=True),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_absence_referent_id_referent')),
    sa.ForeignKeyConstraint(['substitute_id'], ['referent.id'], name=op.f('fk_absence_substitute_id_referent')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_absence'))
    )
    with op.batch_alter_table('absence', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_absence_referent_id'), ['referent_id'], unique=False)
    op.create_table('access',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('action', sa.String(length=32), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversation.id'], name=op.f('fk_access_conversation_id_conversation')),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_access_referent_id_referent')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_access'))
    )
    with op.batch_alter_table('access', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_access_conversation_id'), ['conversation_id'], unique=False)
    op.create_table('busy',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_busy_referent_id_referent')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_busy'))
    )
    with op.batch_alter_table('busy', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_busy_referent_id'), ['referent_id'], unique=False)
    op.create_table('calendar',
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('url_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('username_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('password_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('read_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('error', sa.String(length=64), nullable=False),
    sa.Column('failed_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_calendar_referent_id_referent')),
    sa.PrimaryKeyConstraint('referent_id', name=op.f('pk_calendar'))
    )
    op.create_table('hold',
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('until', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversation.id'], name=op.f('fk_hold_conversation_id_conversation')),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_hold_referent_id_referent')),
    sa.PrimaryKeyConstraint('referent_id', 'starts_at', 'conversation_id', name=op.f('pk_hold'))
    )
    with op.batch_alter_table('hold', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_hold_conversation_id'), ['conversation_id'], unique=False)
    op.create_table('notice',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('key', sa.String(length=80), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('values_sealed', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ready_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversation.id'], name=op.f('fk_notice_conversation_id_conversation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
    sa.UniqueConstraint('key', name=op.f('uq_notice_key'))
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_notice_conversation_id'), ['conversation_id'], unique=False)
    op.create_table('opening',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('day', sa.Date(), nullable=False),
    sa.Column('start', sa.Time(), nullable=False),
    sa.Column('end', sa.Time(), nullable=False),
    sa.Column('slot_minutes', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('place', sa.String(length=200), nullable=False),
    sa.Column('weekly', sa.Boolean(), nullable=False),
    sa.Column('until', sa.Date(), nullable=True),
    sa.Column('exceptions', sa.JSON(), nullable=False),
    sa.Column('notice_hours', sa.Integer(), nullable=False),
    sa.Column('horizon_days', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_opening_referent_id_referent')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_opening')),
    sa.UniqueConstraint('referent_id', 'day', 'start', 'end', 'weekly', name=op.f('uq_opening_referent_id'))
    )
    with op.batch_alter_table('opening', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_opening_referent_id'), ['referent_id'], unique=False)
    op.create_table('session',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('token_index', sa.String(length=64), nullable=False),
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('seen_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('id_token_sealed', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_session_referent_id_referent')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_session')),
    sa.UniqueConstraint('token_index', name=op.f('uq_session_token_index'))
    )
    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_session_referent_id'), ['referent_id'], unique=False)
    op.create_table('sign_in',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('token_index', sa.String(length=64), nullable=False),
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('expires_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('used_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_sign_in_referent_id_referent')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_sign_in')),
    sa.UniqueConstraint('token_index', name=op.f('uq_sign_in_token_index'))
    )
    with op.batch_alter_table('sign_in', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_sign_in_referent_id'), ['referent_id'], unique=False)
    op.create_table('waiting',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('referents', sa.JSON(), nullable=False),
    sa.Column('since', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversation.id'], name=op.f('fk_waiting_conversation_id_conversation')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_waiting')),
    sa.UniqueConstraint('conversation_id', name=op.f('uq_waiting_conversation_id'))
    )
    op.create_table('appointment',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('conversation_id', sa.Integer(), nullable=False),
    sa.Column('beneficiary_id', sa.Integer(), nullable=True),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('place', sa.String(length=200), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('uid', sa.String(length=64), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('source', sa.String(length=32), nullable=False),
    sa.Column('external_id', sa.String(length=64), nullable=False),
    sa.Column('url_sealed', sa.LargeBinary(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['beneficiary_id'], ['beneficiary.id'], name=op.f('fk_appointment_beneficiary_id_beneficiary')),
    sa.ForeignKeyConstraint(['conversation_id'], ['conversation.id'], name=op.f('fk_appointment_conversation_id_conversation')),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_appointment_referent_id_referent')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_appointment')),
    sa.UniqueConstraint('uid', name=op.f('uq_appointment_uid'))
    )
    with op.batch_alter_table('appointment', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_appointment_conversation_id'), ['conversation_id'], unique=False)
        batch_op.create_index('ix_appointment_referent_starts', ['referent_id', 'starts_at'], unique=False)
        batch_op.create_index('ix_appointment_source_external', ['source', 'external_id'], unique=False)
    op.create_table('event',
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('etag', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['appointment_id'], ['appointment.id'], name=op.f('fk_event_appointment_id_appointment')),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_event_referent_id_referent')),
    sa.PrimaryKeyConstraint('appointment_id', 'referent_id', name=op.f('pk_event'))
    )
    op.create_table('occupied',
    sa.Column('referent_id', sa.Integer(), nullable=False),
    sa.Column('cell', sa.Integer(), nullable=False),
    sa.Column('appointment_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['appointment_id'], ['appointment.id'], name=op.f('fk_occupied_appointment_id_appointment')),
    sa.ForeignKeyConstraint(['referent_id'], ['referent.id'], name=op.f('fk_occupied_referent_id_referent')),
    sa.PrimaryKeyConstraint('referent_id', 'cell', name=op.f('pk_occupied'))
    )
    with op.batch_alter_table('occupied', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_occupied_appointment_id'), ['appointment_id'], unique=False)
    with op.batch_alter_table('beneficiary', schema=None) as batch_op:
        batch_op.add_column(sa.Column('external_id', sa.String(length=64), nullable=False, server_default=''))
        batch_op.create_index(batch_op.f('ix_beneficiary_external_id'), ['external_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_beneficiary_referent_id'), ['referent_id'], unique=False)
    with op.batch_alter_table('callback', schema=None) as batch_op:
        batch_op.add_column(sa.Column('closed_by', sa.Integer(), nullable=True))
    with op.batch_alter_table('conversation', schema=None) as batch_op:
        batch_op.add_column(sa.Column('taken_by', sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column('taken_at', sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table('message', schema=None) as batch_op:
        batch_op.add_column(sa.Column('written_by', sa.Integer(), nullable=True))
    with op.batch_alter_table('referent', schema=None) as batch_op:
        batch_op.add_column(sa.Column('leads', sa.Boolean(), nullable=False, server_default='0'))
        batch_op.add_column(sa.Column('calendar_index', sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column('calendar_sealed', sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column('external_id', sa.String(length=64), nullable=False, server_default=''))
        batch_op.create_index(batch_op.f('ix_referent_calendar_index'), ['calendar_index'], unique=True)
        batch_op.create_index(batch_op.f('ix_referent_external_id'), ['external_id'], unique=False)


def downgrade() -> None:
    op.drop_index(op.f('ix_referent_external_id'), 'referent')
    op.drop_index(op.f('ix_referent_calendar_index'), 'referent')
    op.drop_column('referent', 'external_id')
    op.drop_column('referent', 'calendar_sealed')
    op.drop_column('referent', 'calendar_index')
    op.drop_column('referent', 'leads')
    op.drop_column('message', 'written_by')
    op.drop_column('conversation', 'taken_at')
    op.drop_column('conversation', 'taken_by')
    op.drop_column('callback', 'closed_by')
    op.drop_index(op.f('ix_beneficiary_referent_id'), 'beneficiary')
    op.drop_index(op.f('ix_beneficiary_external_id'), 'beneficiary')
    op.drop_column('beneficiary', 'external_id')
    with op.batch_alter_table('occupied', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_occupied_appointment_id'))
    op.drop_table('occupied')
    op.drop_table('event')
    with op.batch_alter_table('appointment', schema=None) as batch_op:
        batch_op.drop_index('ix_appointment_source_external')
        batch_op.drop_index('ix_appointment_referent_starts')
        batch_op.drop_index(batch_op.f('ix_appointment_conversation_id'))
    op.drop_table('appointment')
    op.drop_table('waiting')
    with op.batch_alter_table('sign_in', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_sign_in_referent_id'))
    op.drop_table('sign_in')
    with op.batch_alter_table('session', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_session_referent_id'))
    op.drop_table('session')
    with op.batch_alter_table('opening', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_opening_referent_id'))
    op.drop_table('opening')
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_notice_conversation_id'))
    op.drop_table('notice')
    with op.batch_alter_table('hold', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_hold_conversation_id'))
    op.drop_table('hold')
    op.drop_table('calendar')
    with op.batch_alter_table('busy', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_busy_referent_id'))
    op.drop_table('busy')
    with op.batch_alter_table('access', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_access_conversation_id'))
    op.drop_table('access')
    with op.batch_alter_table('absence', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_absence_referent_id'))
    op.drop_table('absence')
