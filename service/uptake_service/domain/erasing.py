"""What is being erased."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Erasing:
    """Feedback of a project that is out of every number and is about to be deleted.

    Attributes:
        project: The project.
        ids: The feedback.
        by_people: Whether also what people made of it goes: corrections, notes, titles that they gave.
        user_id: The user all of whose feedback it is; empty if it is not one user's.
    """

    project: str
    ids: Sequence[str]
    by_people: bool
    user_id: str = ""
