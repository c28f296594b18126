/** Feedback goes in and is found again, on a real service. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import { timestampDate, ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  Client,
  Code,
  correction,
  type Feedback,
  FeedbackState,
  FeedbackType,
  rating,
  Sentiment,
  thumbsDown,
  thumbsUp,
  UptakeError,
} from "uptake-client";
import { Service } from "./service.js";
import { all } from "./waiting.js";

let service: Service;
before(async () => {
  service = await Service.start();
});
after(() => service.stop());

/** A client of a project of its own. */
function clientOf(project: string): Client {
  return new Client(service.address, { project });
}

test("what was collected is read again, whole", async () => {
  using client = clientOf("whole");
  const said = thumbsDown("answer-1", {
    query: "How do I reset my password?",
    response: "Call us.",
    model: "m-1",
    versions: { prompt: "14" },
    interactionCreateTime: new Date("2025-03-01T10:00:00.123Z"),
    comment: "no phone",
    userId: "ann",
    source: "web",
    labels: { plan: "free" },
    occurTime: new Date("2025-03-01T10:05:00Z"),
    custom: { page: 3, tags: ["a", null] },
  });

  const stored = await client.collect(said);

  const read = await client.feedback.get(stored.id);
  assert.deepEqual(read, stored);
  assert.deepEqual(read.interaction, said.interaction);
  assert.equal(read.sentiment, Sentiment.NEGATIVE);
  assert.equal(read.comment, "no phone");
  assert.deepEqual(read.labels, { plan: "free" });
  assert.ok(read.occurTime && read.interaction?.createTime && read.value.case === "custom");
  assert.deepEqual(timestampDate(read.occurTime), new Date("2025-03-01T10:05:00Z"));
  assert.deepEqual(toJson(ValueSchema, read.value.value), { page: 3, tags: ["a", null] });
});

test("every builder makes feedback whose value matches its type", async () => {
  using client = clientOf("builders");
  const cases: [Feedback, FeedbackType, Sentiment][] = [
    [thumbsUp("a"), FeedbackType.THUMBS_UP, Sentiment.POSITIVE],
    [thumbsDown("b"), FeedbackType.THUMBS_DOWN, Sentiment.NEGATIVE],
    [rating("c", 1), FeedbackType.RATING, Sentiment.NEGATIVE],
    [rating("d", 9, { min: 0, max: 10 }), FeedbackType.RATING, Sentiment.POSITIVE],
    [correction("e", "Monday", { original: "Sunday" }), FeedbackType.CORRECTION, Sentiment.NEUTRAL],
  ];
  for (const [feedback, type, sentiment] of cases) {
    const stored = await client.collect(feedback);
    assert.deepEqual([stored.type, stored.sentiment], [type, sentiment]);
  }
});

test("the same request id stores once, and with other content it is refused", async () => {
  using client = clientOf("repeated");
  const first = await client.collect(thumbsDown("answer-1"), { requestId: "r-1" });
  const again = await client.collect(thumbsDown("answer-1"), { requestId: "r-1" });
  assert.equal(again.id, first.id);
  assert.equal((await all(client.feedback.list())).length, 1);

  await assert.rejects(client.collect(thumbsUp("answer-1"), { requestId: "r-1" }), (error) => {
    assert.ok(error instanceof UptakeError);
    assert.deepEqual([error.code, error.reason], [Code.AlreadyExists, "REQUEST_ID_REUSED"]);
    assert.deepEqual(error.metadata, { request_id: "r-1" });
    return true;
  });
});

test("an invalid request names every wrong field", async () => {
  using client = clientOf("invalid");
  await assert.rejects(client.collect(rating("", 7e9)), (error) => {
    assert.ok(error instanceof UptakeError);
    assert.deepEqual([error.code, error.reason, error.retryable], [Code.InvalidArgument, "INVALID_FIELD", false]);
    const fields = error.fieldViolations.map(({ field }) => field).sort();
    assert.deepEqual(fields, ["feedback.interaction.id", "feedback.rating.score"]);
    assert.match(error.message, /^INVALID_ARGUMENT \(INVALID_FIELD\): .*\n {2}feedback\./s);
    return true;
  });
});

test("collectMany keeps the order, batch by batch, and one bad item stops no other", async () => {
  using client = clientOf("many");
  async function* items() {
    for (let number = 0; number < 25; number++) {
      yield number === 7 ? rating("bad", 9) : thumbsUp(`answer-${number}`);
    }
  }

  const results = await all(client.collectMany(items(), { batchSize: 10, inFlight: 2 }));

  assert.deepEqual(
    results.map(({ result }) => (result.case === "feedback" ? result.value.interaction?.id : result.case)),
    Array.from({ length: 25 }, (_, number) => (number === 7 ? "error" : `answer-${number}`)),
  );
  const bad = results[7]?.result;
  assert.ok(bad?.case === "error");
  const error = UptakeError.fromItem(bad.value);
  assert.deepEqual([error.code, error.reason], [Code.InvalidArgument, "INVALID_FIELD"]);
  assert.equal(error.fieldViolations[0]?.field, "feedback.rating.score");
  assert.equal((await client.insights.get()).metrics?.totalFeedback, 24n);
});

test("collectMany refuses bounds that the service would refuse", async () => {
  using client = clientOf("bounds");
  await assert.rejects(all(client.collectMany([], { batchSize: 1001 })), RangeError);
  await assert.rejects(all(client.collectMany([], { inFlight: 0 })), RangeError);
});

test("a list is iterated over all pages, or read by the page", async () => {
  using client = clientOf("pages");
  const ids = (await all(client.collectMany(["a", "b", "c", "d", "e"].map((id) => thumbsUp(id))))).map(({ result }) =>
    result.case === "feedback" ? result.value.id : "",
  );

  const listing = client.feedback.list({ pageSize: 2 });

  assert.deepEqual((await all(listing)).map(({ id }) => id).sort(), [...ids].sort());
  assert.deepEqual(
    (await all(listing.pages())).map((page) => page.feedback.length),
    [2, 2, 1],
  );
  const first = await listing.page();
  const second = await listing.page(first.nextPageToken);
  assert.equal(new Set([...first.feedback, ...second.feedback].map(({ id }) => id)).size, 4);
});

test("feedback is filtered, found by meaning, amended and retracted", async () => {
  using client = clientOf("changes");
  const parcel = await client.collect(thumbsDown("a", { query: "Where is my parcel?", userId: "ann" }));
  await client.collect(thumbsDown("b", { query: "Where is my parcel?", userId: "bob" }));

  const bobs = await all(client.feedback.list({ filter: { userId: "bob" } }));
  assert.deepEqual(
    bobs.map(({ interaction }) => interaction?.id),
    ["b"],
  );

  const similar = await client.feedback.similar({ feedbackId: parcel.id });
  assert.deepEqual(
    similar.map(({ feedback }) => feedback?.id),
    [bobs[0]?.id],
  );
  assert.equal((await client.feedback.similar({ query: "Where is my parcel?" })).length, 2);
  assert.equal((await client.feedback.similar({ interactionId: "a" })).length, 1);

  const amended = await client.feedback.amend(parcel.id, thumbsUp("a", { comment: "it came" }), ["type", "comment"]);
  assert.deepEqual([amended.type, amended.comment], [FeedbackType.THUMBS_UP, "it came"]);

  const retracted = await client.feedback.retract(parcel.id);
  assert.equal(retracted.state, FeedbackState.RETRACTED);
  await assert.rejects(client.feedback.amend(parcel.id, thumbsUp("a"), ["type"]), { reason: "FEEDBACK_RETRACTED" });
  await assert.rejects(client.feedback.get("no-such-id"), { code: Code.NotFound, reason: "FEEDBACK_NOT_FOUND" });
});
