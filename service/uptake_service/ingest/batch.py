"""One run of a batch's transaction: what is read, planned and written, with the part of each projection in it."""

from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass

from uptake_service.audit.changes import changes
from uptake_service.audit.log import AuditLog
from uptake_service.coordination.idempotency import RequestKey, RequestRecords, reused
from uptake_service.coordination.leases import SlotLost, WriterSlot
from uptake_service.domain.errors import DomainError
from uptake_service.domain.feedback import CollectOutcome, StoredFeedback, Transition
from uptake_service.domain.grouping import Assignment
from uptake_service.domain.ids import new_id
from uptake_service.domain.project import Project
from uptake_service.feedback.store import FeedbackStore
from uptake_service.ingest.changes import Amend, Collect, Erase, Made, Retract, is_vote
from uptake_service.ingest.plan import Plan, WithoutText
from uptake_service.ingest.preprocessor import Item
from uptake_service.mongo.session import Session
from uptake_service.projections.projection import Commit, Update
from uptake_service.projects.store import ProjectStore


@dataclass(frozen=True)
class Stores:
    """What every batch reads and writes, apart from projections."""

    feedback: FeedbackStore
    requests: RequestRecords
    projects: ProjectStore
    audit: AuditLog


class AlreadyCommitted(Exception):
    """The transaction was committed by an earlier run."""


class BatchTransaction:
    """If it `looks`, it first reads what was recorded of its items before. Otherwise it takes what comes to be new, and
    fails by a duplicate key where it is not.

    Attributes:
        transitions: What the last run made of feedback.
        commit: The commit that the last run makes.
        results: What it made of its items, in their order.
    """

    commit: Commit

    def __init__(
        self,
        stores: Stores,
        slot: WriterSlot,
        items: Sequence[Item],
        assignments: Mapping[Item, Assignment],
        projects: Mapping[str, Project],
        updates: Sequence[Update],
        without_text: WithoutText,
        *,
        looks: bool,
    ) -> None:
        self._stores = stores
        self._slot = slot
        self._items = items
        self._assignments = assignments
        self._projects = projects
        self._updates = updates
        self._without_text = without_text
        self._looks = looks
        self._revision = 0
        self.transitions: list[Transition] = []
        self.results: list[Made | DomainError] = []

    async def run(self, session: Session) -> None:
        """Runs the transaction's body; it may be run again.

        Raises:
            AlreadyCommitted: An earlier run was committed, and its answer lost.
            SlotLost: The writer slot is another's.
        """
        (revision, now), known, *read = await session.gather(
            self._slot.advance(session),
            self._stores.requests.known(self._keys(), session=session),
            *self._votes(session),
            *(update.read(session) for update in self._updates),
        )
        if revision == self._revision + 1 and self.results:
            # Nobody else counts this slot's revision up.
            raise AlreadyCommitted
        if revision != self._slot.revision + 1:
            raise SlotLost
        self._revision = revision
        votes = [each for each in read if each is not None]
        stored = {feedback.id: feedback for each in (*votes, *await self._named(known, session)) for feedback in each}
        plan = Plan(
            now=now,
            writer=self._slot.number,
            revision=revision,
            projects=self._projects,
            stored=list(stored.values()),
            without_text=self._without_text,
        )
        results, made, created = await self._planned(plan, known, session)
        self.transitions = plan.transitions()
        self.commit = Commit(plan.writer, revision, now, self._projects, plan.started)
        await self._stores.feedback.write(plan.added, plan.changed, session)
        await self._stores.requests.add([each for id, each in made.items() if id in created], session=session)
        others = [each for id, each in made.items() if id not in created]
        await self._stores.requests.add_changes(others, session=session)
        for update in self._updates:
            await update.write(self.transitions, self.commit, session)
        for project in self._projects.values():
            fresh = plan.new_values(project.id)
            if fresh or (plan.added and project.create_time is None):
                await self._stores.projects.note_use(project.id, fresh, now, session)
        # Answered as now planned, so that an item changed twice in one batch is told as it ends.
        self.results = [plan.final_state(result) for result in results]

    async def _planned(
        self, plan: Plan, known: Mapping[RequestKey, str | DomainError], session: Session
    ) -> tuple[list[Made | DomainError], dict[str, tuple[RequestKey, str]], set[str]]:
        """Plans each item.

        Returns:
            What each came to; by the id of its request record, each call that made or changed something, with what; and
            which of these records are of calls that made feedback.
        """
        results: list[Made | DomainError] = []
        made: dict[str, tuple[RequestKey, str]] = {}
        created: set[str] = set()
        for item in self._items:
            repeated = known.get(item.key) if item.key else None
            if isinstance(repeated, DomainError):
                results.append(repeated)
                continue
            if item.key and item.key.document_id in made:
                # With other content: equal calls were coalesced before the batch, by keys that hold the content's HMAC.
                results.append(reused(item.key.id))
                continue
            if repeated:
                results.append(_repeated(plan, repeated))
                continue
            result = self._apply(plan, item)
            results.append(result)
            if isinstance(result, DomainError):
                continue
            feedback = result.feedback
            if item.key:
                made[item.key.document_id] = (item.key, feedback.id)
                if plan.note_request(result, item.key.document_id):
                    created.add(item.key.document_id)
            # A vote may be changed by sending it again. By the key that brought it, that is collecting as usual.
            replaced = result.replaced
            by_another = replaced is not None and replaced.key_id not in (None, item.caller.key_id)
            if isinstance(item.change, Amend | Retract) or by_another:
                differences = changes(replaced or plan.before(feedback.id), feedback)
                await self._stores.audit.add(item.change.project, feedback.id, differences, session, by=item.caller)
        return results, made, created

    def _keys(self) -> list[RequestKey]:
        """The keys to look for. What is no new feedback may fail before its record does, and is always looked for."""
        return [item.key for item in self._items if item.key and (self._looks or not isinstance(item.change, Collect))]

    def _votes(self, session: Session) -> list[Awaitable[list[StoredFeedback]]]:
        """Reads users' votes that new ones may be said of before, a project each."""
        if not self._looks:
            return []
        keys: defaultdict[str, set[tuple[str, str, str]]] = defaultdict(set)
        for item in self._items:
            policy = self._projects[item.change.project].settings.review_policy.vote_policy
            if isinstance(item.change, Collect) and is_vote(item.change.draft, policy):
                draft = item.change.draft
                keys[item.change.project].add((draft.interaction.id, draft.user_id, draft.score))
        return [self._stores.feedback.votes(project, of_it, session=session) for project, of_it in keys.items()]

    async def _named(self, known: dict[RequestKey, str | DomainError], session: Session) -> list[list[StoredFeedback]]:
        """Reads feedback that was made before, and what is to change."""
        ids: defaultdict[str, set[str]] = defaultdict(set)
        for item in self._items:
            made = known.get(item.key) if item.key else None
            if isinstance(made, str):
                ids[item.change.project].add(made)
            elif made is None and not isinstance(item.change, Collect):
                ids[item.change.project].add(item.change.id)
        read = [self._stores.feedback.by_ids(project, sorted(named), session=session) for project, named in ids.items()]
        return await session.gather(*read) if read else []

    def _apply(self, plan: Plan, item: Item) -> Made | DomainError:
        try:
            match item.change:
                case Collect(draft):
                    return plan.collect(draft, new_id(), self._assignments[item], item.caller.key_id)
                case Amend() as amend:
                    return Made(plan.amend(amend, self._assignments.get(item)))
                case Retract() as retract:
                    return Made(plan.retract(retract))
                case Erase() as erase:
                    return Made(plan.erase(erase))
        except DomainError as error:
            return error


def _repeated(plan: Plan, feedback_id: str) -> Made | DomainError:
    """What an earlier call of the same request made."""
    feedback = plan.resolve_repeated(feedback_id)
    return feedback if isinstance(feedback, DomainError) else Made(feedback, CollectOutcome.REPEATED)
