"""What applying and undoing a correction make of its target. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from difflib import SequenceMatcher
from typing import Literal

from uptake_service.corrections.model import (
    Author,
    Correction,
    CorrectionState,
    Draft,
    MeasurementBasis,
    Revert,
    Revision,
    Verdict,
    Votes,
)
from uptake_service.domain.errors import DomainError, Reason, Violation
from uptake_service.domain.feedback import CorrectionKind
from uptake_service.domain.ids import new_id
from uptake_service.reviews.model import Fix

_Opcode = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]

_CONTEXT_LINES = 3
_MOST_COMPARED_LINES = 1_000
"""More lines than this between what two texts begin and end with alike are shown as replaced, not matched: matching
takes time with the square of their number."""


def applied(
    draft: Draft, head: Revision | None, project: str, author: Author, basis: MeasurementBasis, now: datetime
) -> tuple[Correction, Revision]:
    """The correction that a draft makes of a target's head, and the head after it.

    Revisions only grow, over a deletion too. `base_revision` 0 says that the target does not exist, whether it never
    did or was deleted since: for the caller both are the same, and there is nothing that could be overwritten unseen.

    Raises:
        DomainError: The draft was made against another head; BASE_REVISION_MISMATCH.
    """
    exists = head is not None and head.content is not None
    base_revision = head.revision if head is not None and exists else 0
    if draft.base_revision not in (None, base_revision):
        found = f"is at revision {base_revision}" if exists else "does not exist (base_revision 0)"
        raise DomainError(
            Reason.ERROR_REASON_BASE_REVISION_MISMATCH,
            f"{draft.target!r} {found}, the change was made against revision {draft.base_revision}; read it again",
            violations=[Violation("base_revision", f"the newest is {base_revision}")],
            metadata={"revision": str(base_revision)},
        )
    revision = (head.revision if head else 0) + 1
    correction = Correction(
        id=new_id(),
        project=project,
        kind=draft.kind,
        target=draft.target,
        revision=revision,
        base_revision=base_revision,
        content=draft.content,
        diff=unified_diff(head.content if head else None, draft.content, base_revision, revision),
        feedback_ids=draft.feedback_ids,
        review_id=draft.review_id,
        author=author,
        note=draft.note,
        state=CorrectionState.APPLIED,
        covers=head.correction_id if head else "",
        basis=basis,
        unmeasured=bool(basis.pattern_id),
        create_time=now,
    )
    return correction, _revision(correction, revision, now)


def reverted(
    correction: Correction, covered: Correction | None, head: Revision, author: Author, note: str, fix: Fix
) -> tuple[Correction, Correction | None, Revision]:
    """The correction undone, the one below it in force again, and the target's new head.

    From now on its verdict is about the revert: whether the rate under the correction changed with it.

    Args:
        correction: The one to undo.
        covered: The newest below it whose content was not forgotten; None if there is none: the target is then deleted.
        head: The target's head.
        author: Who undoes it.
        note: Why.
        fix: When, and what tells answers since then apart.

    Raises:
        DomainError: It is undone already, or a later one covers it.
    """
    if correction.state is CorrectionState.REVERTED:
        raise DomainError(
            Reason.ERROR_REASON_CORRECTION_REVERTED, "the correction is reverted already", subject=correction.id
        )
    if correction.state is CorrectionState.SUPERSEDED:
        raise DomainError(
            Reason.ERROR_REASON_CORRECTION_SUPERSEDED,
            f"a later correction covers it; revert those first, newest first, from {head.correction_id}"
            if head.correction_id
            else "its target was deleted when the content of a later correction was erased; nothing is left to revert",
            subject=correction.id,
            metadata={"newest_correction_id": head.correction_id},
        )
    revision, now = head.revision + 1, fix.time
    basis = {
        "baseline": correction.measured.later if correction.measured else Votes(),
        "start": correction.basis.fix.time,
        "fix": fix,
    }
    undone = correction.model_copy(
        update={
            "state": CorrectionState.REVERTED,
            "revert": Revert(revision=revision, verdict=correction.verdict, author=author, note=note, time=now),
            "basis": correction.basis.model_copy(update=basis),
            "covered_time": None,
            "verdict": Verdict.NOT_ENOUGH_DATA,
            "measured": None,
            "unmeasured": bool(correction.basis.pattern_id),
        }
    )
    if covered is None:
        gone = Revision(
            project=head.project, target=head.target, revision=revision, content=None, correction_id="", time=now
        )
        return undone, None, gone
    restored = covered.model_copy(update={"state": CorrectionState.APPLIED})
    return undone, restored, _revision(restored, revision, now)


def fix_by(kinds: Iterable[CorrectionKind], fix: Fix) -> Fix:
    """A fix as told apart by what was corrected; nothing is something that people did elsewhere."""
    return fix.model_copy(update={"versions_tell": {*kinds} != {CorrectionKind.KNOWLEDGE}})


def versions_under(fix: Fix, seen: Sequence[frozenset[tuple[str, str]]]) -> frozenset[tuple[str, str]]:
    """The versions of answers that came of a fix; answers without any of their own were given before or after it.

    A revert mostly brings an older version back, so only these tell what comes after it from what came before.

    Args:
        fix: The fix.
        seen: The versions of each answer since then.
    """
    changed = [versions for versions in seen if versions - fix.versions]
    return frozenset().union(*(changed or seen))


def pattern_of_most(pattern_ids: Iterable[str]) -> str:
    """The pattern that most of these are; of several, the one named first. Empty if there are none."""
    counts = Counter(pattern_ids)
    return max(counts, key=lambda id: counts[id], default="")


def unified_diff(before: str | None, after: str, base_revision: int, revision: int) -> str:
    """The difference of two texts, as `diff -u` writes it, but for file names; empty where there is none.

    A text's lines are what stands between its line feeds, so that a line feed at the end is one more, empty line and
    the difference is exact. `before` is None for a target that did not exist.
    """
    old, new = [] if before is None else before.split("\n"), after.split("\n")
    lines: list[str] = []
    for group in _Matcher(old, new).get_grouped_opcodes(_CONTEXT_LINES):
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        lines.append(f"@@ -{_span(i1, i2)} +{_span(j1, j2)} @@")
        for tag, low, high, new_low, new_high in group:
            if tag == "equal":
                lines += [f" {line}" for line in old[low:high]]
            else:
                lines += [f"-{line}" for line in old[low:high]]
                lines += [f"+{line}" for line in new[new_low:new_high]]
    return "\n".join([f"--- revision {base_revision}", f"+++ revision {revision}", *lines]) if lines else ""


def differences(corrections: Sequence[Correction], heads: Sequence[tuple[CorrectionKind, Revision]]) -> Iterator[str]:
    """Names what does not fit together among corrections and the heads of their targets."""
    of_target: defaultdict[tuple[str, CorrectionKind, str], list[Correction]] = defaultdict(list)
    for correction in corrections:
        of_target[(correction.project, correction.kind, correction.target)].append(correction)
    head_of = {(head.project, kind, head.target): head for kind, head in heads}
    for key in sorted({*of_target, *head_of}):
        for problem in _target_differences(of_target[key], head_of.get(key)):
            yield f"{key[1].value.lower()} {key[2]!r} of {key[0]}: {problem}"


def _target_differences(corrections: list[Correction], head: Revision | None) -> Iterator[str]:
    if head is None:
        yield "has corrections but is not there"
        return
    made = [correction.revision for correction in corrections]
    made += [correction.revert.revision for correction in corrections if correction.revert]
    if sorted(made) != list(range(1, head.revision + 1)):
        yield f"is at revision {head.revision}, its corrections made {sorted(made)}"
    by_id = {correction.id: correction for correction in corrections}
    in_force = [correction.id for correction in corrections if correction.state is CorrectionState.APPLIED]
    if in_force != ([head.correction_id] if head.correction_id else []):
        yield f"shows correction {head.correction_id or 'none'}, in force is {', '.join(in_force) or 'none'}"
    shown = by_id.get(head.correction_id)
    if head.content != (shown.content if shown else None):
        yield "its content is not that of the correction in force"
    # A revert lays bare no forgotten correction, but what lies below it, or nothing: it stays superseded.
    forgotten = [
        covered.id
        for covered in (by_id.get(each.covers) for each in corrections if each.state is CorrectionState.REVERTED)
        if covered and covered.state is CorrectionState.SUPERSEDED and not covered.content
    ]
    below: set[str] = set()
    for id in (shown.covers if shown else "", *forgotten):
        while id in by_id and id not in below and by_id[id] is not shown:
            below.add(id)
            id = by_id[id].covers
    for correction in corrections:
        superseded = correction.state is CorrectionState.SUPERSEDED
        if superseded != (correction.id in below):
            yield f"correction {correction.id} is {correction.state}, and {'not ' * superseded}covered"


def _revision(correction: Correction, revision: int, time: datetime) -> Revision:
    return Revision(
        project=correction.project,
        target=correction.target,
        revision=revision,
        content=correction.content,
        correction_id=correction.id,
        time=time,
    )


class _Matcher(SequenceMatcher[str]):
    """Compares only what two texts do not begin and end with alike, and not even that where it is too much."""

    def __init__(self, old: list[str], new: list[str]) -> None:
        super().__init__()
        self._old = old
        self._new = new

    def get_opcodes(self) -> list[_Opcode]:
        old, new = self._old, self._new
        shorter = min(len(old), len(new))
        start = next((place for place in range(shorter) if old[place] != new[place]), shorter)
        room = shorter - start
        end = next((place for place in range(room) if old[-1 - place] != new[-1 - place]), room)
        old_end, new_end = len(old) - end, len(new) - end
        middle, new_middle = old[start:old_end], new[start:new_end]
        opcodes: list[_Opcode] = [("equal", 0, start, 0, start)] if start else []
        if max(len(middle), len(new_middle)) > _MOST_COMPARED_LINES:
            opcodes.append(("replace", start, old_end, start, new_end))
        else:
            opcodes += [
                (tag, start + i1, start + i2, start + j1, start + j2)
                for tag, i1, i2, j1, j2 in SequenceMatcher(None, middle, new_middle).get_opcodes()
            ]
        if end:
            opcodes.append(("equal", old_end, len(old), new_end, len(new)))
        return opcodes


def _span(start: int, stop: int) -> str:
    """A range of lines as a unified diff names it: from one, and an empty one by the line before it."""
    length = stop - start
    return f"{start + 1 if length else start},{length}"
