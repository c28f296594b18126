/** Reviews are found, claimed, finished and watched, on a real service. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Client,
  Code,
  type Review,
  ReviewAction,
  ReviewOrder,
  ReviewPriority,
  ReviewState,
  type SubscribeReviewsResponse,
  TriggerRule,
  thumbsDown,
} from "uptake-client";
import { Service } from "./service.js";
import { all, eventually, first } from "./waiting.js";

let service: Service;
before(async () => {
  service = await Service.start();
});
after(() => service.stop());

/** A client of a project of its own. */
function clientOf(project: string): Client {
  return new Client(service.address, { project });
}

/** Opens a review by three users who dislike the answer to the query. */
async function opened(client: Client, query: string): Promise<Review> {
  await all(client.collectMany([1, 2, 3].map((number) => thumbsDown(`${query}-${number}`, { query }))));
  const isOpened = (review: Review) => review.pattern?.representativeQuery === query;
  return first(client.reviews.list({ filter: { states: [ReviewState.OPEN] } }), isOpened);
}

async function actions(client: Client, id: string): Promise<ReviewAction[]> {
  return (await client.reviews.get(id)).history.map(({ action }) => action);
}

test("a review is claimed and resolved with a correction that is found by meaning", async () => {
  using client = clientOf("resolved");
  const review = await opened(client, "What are your opening hours?");
  assert.equal(review.priority, ReviewPriority.MEDIUM);

  await using claim = await client.reviews.claim(review.id, "ann");
  assert.deepEqual([claim.review.state, claim.review.assignee], [ReviewState.CLAIMED, "ann"]);
  await assert.rejects(client.reviews.claim(review.id, "bob"), {
    code: Code.FailedPrecondition,
    reason: "REVIEW_CLAIMED",
  });
  const knowledge = { key: "hours", content: "We are open from Monday to Friday." };
  const resolved = await claim.resolve("Added the hours.", {
    corrections: [{ change: { case: "knowledge", value: knowledge }, baseRevision: 0n }],
  });

  assert.equal(resolved.review?.state, ReviewState.RESOLVED);
  assert.equal(claim.review.resolution?.note, "Added the hours.");
  assert.deepEqual(
    resolved.corrections.map(({ target, revision }) => [target, revision]),
    [["hours", 1n]],
  );
  const [match] = await client.corrections.searchKnowledge("When are you open?");
  assert.equal(match?.entry?.content, knowledge.content);
  const reopened = await client.reviews.reopen(review.id, "bob", "not yet");
  assert.deepEqual([reopened.state, reopened.reopenCount], [ReviewState.OPEN, 1]);
});

test("reviews are listed by filter and order, over all pages", async () => {
  using client = clientOf("listed");
  // By the rate alone, as all of this project is bad and nothing stands out.
  const reviewPolicy = { triggerRule: TriggerRule.RATE };
  await client.projects.update({ reviewPolicy }, ["review_policy.trigger_rule"]);
  const reviews = [];
  for (const query of ["How do I reset my password?", "Where is my parcel?", "Can I get an invoice?"]) {
    reviews.push(await opened(client, query));
  }
  const newest = await all(client.reviews.list({ pageSize: 2 }));
  assert.deepEqual(
    newest.map(({ id }) => id),
    reviews.map(({ id }) => id).reverse(),
  );
  const urgent = await client.reviews.list({ order: ReviewOrder.MOST_URGENT, pageSize: 2 }).page();
  assert.equal(urgent.reviews.length, 2);
  assert.deepEqual(await all(client.reviews.list({ filter: { states: [ReviewState.CLAIMED] } })), []);
});

test("a claim is given back at the end of its block, and when the block fails", async () => {
  using client = clientOf("given-back");
  const { id } = await opened(client, "Where is my parcel?");
  {
    await using claim = await client.reviews.claim(id, "ann");
    assert.equal(claim.review.state, ReviewState.CLAIMED);
  }
  await assert.rejects(async () => {
    await using claim = await client.reviews.claim(id, "bob");
    throw new Error(`not now, ${claim.review.assignee}`);
  }, /not now, bob/);
  const { review } = await client.reviews.get(id);
  assert.deepEqual([review?.state, review?.assignee], [ReviewState.OPEN, ""]);
});

test("a claim is renewed while it is held, and dismissed", async () => {
  using client = clientOf("renewed");
  const { id } = await opened(client, "Where is my parcel?");
  await using claim = await client.reviews.claim(id, "ann", { leaseMilliseconds: 3000 });
  const renewals = async () => (await actions(client, id)).filter((action) => action === ReviewAction.RENEWED).length;
  await eventually(async () => (await renewals()) >= 4, "four renewals");
  assert.equal(claim.lost.aborted, false);
  const dismissed = await claim.dismiss("nothing to do");
  assert.equal(dismissed.state, ReviewState.DISMISSED);
  await assert.rejects(client.reviews.claim(id, "bob"), { reason: "REVIEW_FINISHED" });
});

test("a claim that runs out is lost", async () => {
  using client = clientOf("lost");
  const { id } = await opened(client, "Where is my parcel?");
  const claim = await client.reviews.claim(id, "ann", { leaseMilliseconds: 1000, autoRenew: false });
  const isOpen = async () => (await client.reviews.get(id)).review?.state === ReviewState.OPEN;
  await eventually(isOpen, "the end of the lease");
  await assert.rejects(claim.resolve("late"), { code: Code.FailedPrecondition, reason: "CLAIM_LOST" });
});

test("a lost claim tells its holder, and is refused from then on", async () => {
  using client = clientOf("taken");
  const { id } = await opened(client, "Where is my parcel?");
  await using claim = await client.reviews.claim(id, "ann", { leaseMilliseconds: 3000 });
  await client.reviews.held(id, claim.token).release("needed elsewhere");
  await eventually(() => claim.lost.aborted, "the loss");
  await assert.rejects(claim.renew(), { reason: "CLAIM_LOST", message: /claim it again/ });
  await assert.rejects(claim.resolve(), { reason: "CLAIM_LOST", message: /claim it again/ });
});

test("a held token finishes a review elsewhere", async () => {
  using client = clientOf("held");
  const { id } = await opened(client, "Where is my parcel?");
  const { token } = await client.reviews.claim(id, "ann", { autoRenew: false });
  using elsewhere = clientOf("held");
  const held = elsewhere.reviews.held(id, token);
  await held.renew(60_000);
  assert.equal(held.review.assignee, "ann");
  assert.equal((await held.resolve("done")).review?.state, ReviewState.RESOLVED);
});

test("a subscription tells every review that matches, then each change", async () => {
  using client = clientOf("watched");
  const parcel = await opened(client, "Where is my parcel?");
  const watching = client.reviews.subscribe({ filter: { states: [ReviewState.OPEN] } });
  const isReview = ({ update }: SubscribeReviewsResponse) =>
    update.case === "review" || update.case === "removedReviewId";

  assert.equal(idOf(await first(watching, isReview)), parcel.id);
  const claim = await client.reviews.claim(parcel.id, "ann", { autoRenew: false });
  const removed = await first(watching, isReview);
  assert.deepEqual([removed.update.case, removed.update.value], ["removedReviewId", parcel.id]);
  await claim.release();
  assert.equal(idOf(await first(watching, isReview)), parcel.id);
});

function idOf({ update }: SubscribeReviewsResponse): string | undefined {
  return update.case === "review" ? update.value.id : undefined;
}
