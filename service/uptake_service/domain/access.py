"""Keys and roles."""

from datetime import datetime
from enum import StrEnum

from uptake_service.domain.model import Model


class Permission(StrEnum):
    """What a method needs."""

    COLLECT = "COLLECT"
    READ = "READ"
    REVIEW = "REVIEW"
    ADMINISTER = "ADMINISTER"


class Role(StrEnum):
    COLLECTOR = "COLLECTOR"
    READER = "READER"
    REVIEWER = "REVIEWER"
    ADMIN = "ADMIN"


_GRANTS = {
    Role.COLLECTOR: {Permission.COLLECT},
    Role.READER: {Permission.READ},
    Role.REVIEWER: {Permission.READ, Permission.REVIEW},
    Role.ADMIN: set(Permission),
}

METHODS = {
    Permission.COLLECT: (
        *("CollectFeedback", "BatchCollectFeedback", "StreamFeedback", "AmendFeedback", "RetractFeedback"),
    ),
    Permission.READ: (
        *("GetFeedback", "ListFeedback", "ListSimilarFeedback"),
        *("ListReviews", "GetReview", "SubscribeReviews"),
        *("GetInsights", "ListIssues", "GetIssue", "QueryMetrics", "SubscribeInsights"),
        *("GetCorrection", "ListCorrections", "SearchKnowledge", "GetInstructions", "ListInstructionRevisions"),
        *("GetProject", "ListProjects"),
    ),
    Permission.REVIEW: (
        *("ClaimReview", "RenewClaim", "ReleaseReview", "ResolveReview", "DismissReview", "ReopenReview"),
        *("UpdateIssue", "MergeIssues", "SplitIssue"),
        *("ApplyCorrections", "RevertCorrection"),
    ),
    Permission.ADMINISTER: ("DeleteFeedback", "EraseUserFeedback", "UpdateProject", "ListAuditEvents"),
}

_NEEDS = {method: permission for permission, methods in METHODS.items() for method in methods}


def needed_for(method: str) -> Permission:
    """What a method needs, by its full name; of one that nobody thought of, the most."""
    return _NEEDS.get(method.rpartition("/")[2], Permission.ADMINISTER)


class Key(Model):
    """An API key, without its secret.

    Attributes:
        projects: Those that it is for; empty means all.
        calls_per_second: How many calls it may make; 0 for as many as it likes.
    """

    id: str
    name: str
    role: Role
    projects: tuple[str, ...] = ()
    calls_per_second: float = 0.0
    create_time: datetime
    expire_time: datetime | None = None
    revoke_time: datetime | None = None

    def may(self, permission: Permission) -> bool:
        return permission in _GRANTS[self.role]

    def is_for(self, project: str) -> bool:
        return not self.projects or project in self.projects

    def is_valid(self, now: datetime) -> bool:
        return self.revoke_time is None and (self.expire_time is None or now < self.expire_time)
