// The TypeScript client under ten calls a second, for `steady.py`: sends until its input ends, then tells what came of it.

import { Client, thumbsDown } from "../../clients/typescript/dist/index.js";

const [address, name, interval, patience] = process.argv.slice(2);
const milliseconds = Number(patience) * 1000;
const client = new Client(address, { timeoutMilliseconds: milliseconds, connectTimeoutMilliseconds: milliseconds });
const calls = [];
const outcome = { acknowledged: {}, failed: [], slowest_seconds: 0 };

async function call(id) {
  const began = performance.now();
  try {
    outcome.acknowledged[id] = (await client.collect(thumbsDown(id, { query: "Is it back?" }), { requestId: id })).id;
    process.stdout.write("\n");
  } catch (error) {
    outcome.failed.push(String(error));
  }
  outcome.slowest_seconds = Math.max(outcome.slowest_seconds, (performance.now() - began) / 1000);
}

const calling = setInterval(() => calls.push(call(`${name}-${calls.length}`)), Number(interval) * 1000);
for await (const _ of process.stdin) {
}
clearInterval(calling);
await Promise.all(calls);
client.close();
process.stdout.write(JSON.stringify(outcome));
