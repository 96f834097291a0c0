"""${message}"""

from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


# Only where something is taken away: the oldest revision whose code works without it.
# needs_code = "00NN_name"


def upgrade() -> None:
    # How long it waits for locks, and how often it tries, is said where it is run (docs/runbooks/migrations.md).
    ${upgrades if upgrades else "pass"}
