/** Numbers, issues, corrections, settings and the live subscription, on a real service. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  Client,
  Code,
  CorrectionState,
  IssueState,
  MetricGroup,
  MetricInterval,
  rating,
  type SubscribeInsightsResponse,
  thumbsDown,
  thumbsUp,
  UptakeError,
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

test("numbers and time series are those of the window", async () => {
  using client = clientOf("numbers");
  const at = (hour: number) => ({ occurTime: new Date(Date.UTC(2025, 2, 1, hour, 30)) });
  await all(
    client.collectMany([
      thumbsUp("a", { ...at(8), model: "m-1" }),
      thumbsDown("b", { ...at(9), model: "m-1" }),
      rating("c", 1, { ...at(10), model: "m-2" }),
      thumbsUp("d", { ...at(20), model: "m-2" }),
    ]),
  );
  const window = { start: new Date("2025-03-01T08:00Z"), end: new Date("2025-03-01T11:00Z") };

  const { metrics } = await client.insights.get(window);
  assert.deepEqual([metrics?.totalFeedback, metrics?.positiveCount, metrics?.negativeCount], [3n, 1n, 2n]);

  const series = await client.insights.metrics({ ...window, interval: MetricInterval.HOUR, group: MetricGroup.MODEL });
  assert.deepEqual(
    series.map(({ groupValue, points }) => [groupValue, points.map((point) => point.metrics?.totalFeedback)]),
    [
      ["m-1", [1n, 1n, 0n]],
      ["m-2", [0n, 0n, 1n]],
    ],
  );
});

test("issues are found, renamed, split, merged and resolved", async () => {
  using client = clientOf("issues");
  const complaints = {
    parcel: [
      ...["my parcel came late", "the parcel arrived a week late", "parcel late again", "late parcel, two weeks"],
      ...["why is my parcel late", "so late, this parcel", "parcel not here yet, late", "late once more, the parcel"],
    ],
    login: [
      ...["the login page is broken", "cannot log in", "login fails every time", "log in does not work"],
      ...["the login is broken", "no login today", "login broken since noon", "I cannot log in, login fails"],
    ],
  };
  const items = Object.entries(complaints).flatMap(([topic, comments]) =>
    Array.from({ length: 12 }, (_, number) =>
      thumbsDown(`${topic}-${number}`, { query: topic, comment: comments[number % 8], userId: `user-${number}` }),
    ),
  );
  await all(client.collectMany(items));

  await client.insights.get({ refreshIssues: true, timeoutMilliseconds: 120_000 });

  const [issue] = await all(client.issues.list());
  assert.ok(issue && issue.frequency >= 4n);
  const renamed = await client.issues.update(issue.id, { title: "Late parcels", reviewer: "ann" });
  assert.equal(renamed.title, "Late parcels");
  const change = client.issues.update(issue.id, { state: IssueState.IGNORED, etag: issue.etag });
  await assert.rejects(change, { code: Code.Aborted, reason: "ETAG_MISMATCH" });

  const members = issue.sampleComments.slice(0, 1).map(({ feedbackId }) => feedbackId);
  const parts = await client.issues.split(issue.id, members, { title: "Another" });
  assert.ok(parts.issue && parts.newIssue);
  assert.deepEqual([parts.newIssue.title, parts.issue.frequency], ["Another", issue.frequency - 1n]);
  const merged = await client.issues.merge(issue.id, [parts.newIssue.id]);
  assert.equal(merged.frequency, issue.frequency);
  const resolved = await client.issues.update(issue.id, { state: IssueState.RESOLVED });
  assert.deepEqual([resolved.state, resolved.title], [IssueState.RESOLVED, "Late parcels"]);
  assert.equal((await client.issues.get(issue.id)).issue?.state, IssueState.RESOLVED);
});

test("corrections are applied once, shown before, read and reverted", async () => {
  using client = clientOf("corrections");
  const draft = (content: string, baseRevision: bigint) => ({
    change: { case: "instructions" as const, value: { name: "support", content } },
    baseRevision,
  });

  const [shown] = await client.corrections.apply([draft("Be brief.", 0n)], "ann", { dryRun: true });
  assert.ok(shown?.result.case === "correction" && shown.result.value.diff.includes("+Be brief."));
  await assert.rejects(client.corrections.instructions("support"), { reason: "INSTRUCTIONS_NOT_FOUND" });

  const requestId = "apply-1";
  const [applied] = await client.corrections.apply([draft("Be brief.", 0n)], "ann", { requestId });
  const [again] = await client.corrections.apply([draft("Be brief.", 0n)], "ann", { requestId });
  assert.ok(applied?.result.case === "correction" && again?.result.case === "correction");
  assert.equal(again.result.value.id, applied.result.value.id);
  const [stale] = await client.corrections.apply([draft("Be long.", 0n)], "ann");
  assert.ok(stale?.result.case === "error");
  const { reason, metadata } = UptakeError.fromItem(stale.result.value);
  assert.deepEqual([reason, metadata], ["BASE_REVISION_MISMATCH", { revision: "1" }]);

  assert.equal((await client.corrections.instructions("support"))?.content, "Be brief.");
  assert.equal(await client.corrections.instructions("support", { knownRevision: 1n }), undefined);
  await client.corrections.apply([draft("Be kind.", 1n)], "ann");
  const revisions = await all(client.corrections.instructionRevisions("support", { pageSize: 1 }));
  assert.deepEqual(
    revisions.map(({ content }) => content),
    ["Be kind.", "Be brief."],
  );

  const { id } = applied.result.value;
  await assert.rejects(client.corrections.revert(id, "ann"), { reason: "CORRECTION_SUPERSEDED" });
  const [newest] = await all(client.corrections.list({ filter: { target: "support" } }));
  assert.ok(newest);
  const reverted = await client.corrections.revert(newest.id, "ann", "too kind");
  assert.equal(reverted.state, CorrectionState.REVERTED);
  assert.equal((await client.corrections.get(id)).content, "Be brief.");
});

test("settings are read, changed and refused", async () => {
  using client = clientOf("settings");
  const project = await client.projects.get();
  assert.equal(project.settings?.reviewPolicy?.windowSize, 10);
  const changed = await client.projects.update({ reviewPolicy: { minimumSample: 5 } }, [
    "review_policy.minimum_sample",
  ]);
  assert.equal(changed.settings?.reviewPolicy?.minimumSample, 5);
  await assert.rejects(client.projects.update({}, ["retention"], { etag: project.etag }), { reason: "ETAG_MISMATCH" });
  const wrong = client.projects.update({ reviewPolicy: { windowSize: 0 } }, ["review_policy.window_size"]);
  await assert.rejects(wrong, (error) => {
    assert.ok(error instanceof UptakeError && error.code === Code.InvalidArgument);
    assert.deepEqual(
      error.fieldViolations.map(({ field }) => field),
      ["settings.review_policy.window_size"],
    );
    return true;
  });
  assert.ok((await all(client.projects.list({ pageSize: 1 }))).some(({ id }) => id === "settings"));
});

/** Writes one event: it applies a correction. */
async function event(client: Client, number: number): Promise<void> {
  const change = { case: "knowledge" as const, value: { key: `entry-${number}`, content: "text" } };
  await client.corrections.apply([{ change }], "ann", { requestId: `event-${number}` });
}

const isEvent = ({ update }: SubscribeInsightsResponse) => update.case === "event";

function seqOf({ update }: SubscribeInsightsResponse): bigint {
  assert.ok(update.case === "event");
  return update.value.seq;
}

test("a subscription starts with a snapshot, tells events and goes on after a token", async () => {
  using client = clientOf("subscribed");
  const subscription = client.insights.subscribe({ checkpointMilliseconds: 1000 });
  assert.equal((await first(subscription, () => true)).update.case, "snapshot");
  await event(client, 1);
  await event(client, 2);
  const one = await first(subscription, isEvent);
  const resumed = client.insights.subscribe({ resumeToken: one.resumeToken });
  assert.deepEqual([seqOf(one), seqOf(await first(resumed, isEvent))], [1n, 2n]);
  await first(subscription, ({ update }) => update.case === "checkpoint");
  await assert.rejects(first(client.insights.subscribe({ resumeToken: "nonsense" }), isEvent), {
    code: Code.InvalidArgument,
    reason: "INVALID_RESUME_TOKEN",
  });
});

test("a subscription misses and repeats nothing when the service is killed and started again", async () => {
  using client = clientOf("killed");
  const seqs: bigint[] = [];
  const leaving = new AbortController();
  const subscription = client.insights.subscribe({ signal: leaving.signal });
  let snapshots = 0;
  const reading = (async () => {
    for await (const message of subscription) {
      snapshots += message.update.case === "snapshot" ? 1 : 0;
      if (isEvent(message)) {
        seqs.push(seqOf(message));
      }
    }
  })();
  await eventually(() => snapshots === 1, "the snapshot");
  const events = 30;
  const writing = (async () => {
    for (let number = 0; number < events; number++) {
      await eventually(async () => {
        try {
          await event(client, number);
          return true;
        } catch (error) {
          assert.ok(
            error instanceof UptakeError && [Code.Unavailable, Code.DeadlineExceeded].includes(error.code),
            String(error),
          );
          return false;
        }
      }, `event ${number}`);
    }
  })();
  await eventually(() => seqs.length >= 5, "the first events");
  await service.kill();
  await service.start();
  await writing;
  await eventually(() => seqs.length >= events, "the last event");
  leaving.abort();
  await reading;

  assert.deepEqual(
    seqs,
    Array.from({ length: events }, (_, number) => BigInt(number + 1)),
  );
  assert.equal(snapshots, 1);
});
