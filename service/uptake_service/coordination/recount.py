"""The recount: what is derived from feedback, worked out anew and held against what is stored."""

from uptake_service.coordination.idempotency import RequestRecord
from uptake_service.domain.feedback import StoredFeedback
from uptake_service.domain.project import Project
from uptake_service.mongo.session import Session


class Recount:
    """Recounts one kind of derived numbers or documents. Everything is read in one snapshot."""

    async def read(self, session: Session) -> set[str]:
        """Reads what is stored; returns the ids of the projects that it tells of."""
        return set()

    def note(self, record: RequestRecord) -> None:
        """Looks at the record of a call that made or changed something: all go by before any feedback does."""

    def count(self, feedback: StoredFeedback, project: Project) -> None:
        """Looks at a piece of feedback: all of a project's go by, those that occurred first before others."""

    async def differences(self, session: Session) -> list[str]:
        """Once all feedback went by: a line for each thing that differs, naming it."""
        return []
