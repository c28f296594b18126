/** A restart of the service, in the midst of calls. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client, thumbsDown } from "uptake-client";
import { Service } from "./service.js";
import { all, eventually, letPass } from "./waiting.js";

const ABSENCE_MILLISECONDS = 4_000;
const CALL_INTERVAL_MILLISECONDS = 100;

let service: Service;
before(async () => {
  service = await Service.start();
});
after(() => service.stop());

test("a clean restart of the service under ten calls a second fails none, and each is stored once", async () => {
  // How long a start takes is the machine's; four seconds and the client's own patience are tried in faults.test.ts.
  using client = new Client(service.address, { timeoutMilliseconds: 90_000, connectTimeoutMilliseconds: 90_000 });
  const calls: Promise<unknown>[] = [];
  let answered = 0;
  let failed: unknown;
  let stopping = false;
  async function send(): Promise<void> {
    while (!stopping) {
      const call = client.collect(thumbsDown(`answer-${calls.length}`, { query: "How do I get a refund?" })).then(
        () => answered++,
        (error: unknown) => {
          failed ??= error;
        },
      );
      calls.push(call);
      await letPass(CALL_INTERVAL_MILLISECONDS, "ten calls a second");
    }
  }
  const sending = send();
  await eventually(() => answered >= 5, "calls before the restart");

  await service.restart(ABSENCE_MILLISECONDS);

  const late = calls.length;
  await eventually(() => answered > late, "calls after the restart");
  stopping = true;
  await sending;
  await Promise.all(calls);
  assert.equal(failed, undefined);
  assert.ok(calls.length > ABSENCE_MILLISECONDS / CALL_INTERVAL_MILLISECONDS);
  assert.equal((await all(client.feedback.list())).length, calls.length);
});
