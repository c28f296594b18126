/** What the client promises when things go wrong, against a small server that fails as it is told to. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createSecureServer, createServer, type Http2Server } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import {
  Client,
  Code,
  type CollectFeedbackRequest,
  ErrorReason,
  FeedbackService,
  InsightService,
  thumbsDown,
  UptakeError,
} from "uptake-client";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../dist/gen/google/rpc/error_details_pb.js";
import { all, eventually, first, letPass } from "./waiting.js";

type Script = (context: HandlerContext) => void | Promise<void>;

let server: Http2Server;
let sockets: Set<Socket>;
let client: Client;
/** What was sent, in order. */
let requests: CollectFeedbackRequest[];
let contexts: HandlerContext[];
/** What the next calls do before they are answered; a call without a script is answered at once. */
let scripts: Script[];
/** Comments of batch items that fail the next time they come, with their reason. */
let itemErrors: Map<string, ErrorReason>;
let batches: string[][];
/** For each connection to the subscription: events it sends, whether it says that it ends, and how it does. */
let connections: { events: number; announced?: boolean; end: Script }[];
let tokens: string[];

beforeEach(async () => {
  requests = [];
  contexts = [];
  scripts = [];
  itemErrors = new Map();
  batches = [];
  connections = [];
  tokens = [];
  sockets = new Set();
  server = createServer(
    connectNodeAdapter({
      routes(router) {
        router.service(FeedbackService, {
          async collectFeedback(request, context) {
            requests.push(request);
            contexts.push(context);
            await scripts.shift()?.(context);
            return { feedback: { id: `stored-${request.requestId}` } };
          },
          batchCollectFeedback({ requests }) {
            batches.push(requests.map(({ feedback }) => feedback?.comment ?? ""));
            const results = requests.map(({ feedback, requestId }) => {
              const comment = feedback?.comment ?? "";
              const reason = itemErrors.get(comment);
              itemErrors.delete(comment);
              return reason === undefined
                ? { result: { case: "feedback" as const, value: { id: requestId, comment } } }
                : { result: { case: "error" as const, value: { code: Code.ResourceExhausted, reason } } };
            });
            return { results };
          },
        });
        router.service(InsightService, {
          async *subscribeInsights({ resumeToken }, context) {
            tokens.push(resumeToken);
            contexts.push(context);
            const { events, announced = false, end } = connections.shift() ?? { events: 0, end: hang };
            for (let seq = Number(resumeToken) + 1; seq <= Number(resumeToken) + events; seq++) {
              yield { resumeToken: String(seq), update: { case: "event" as const, value: { seq: BigInt(seq) } } };
            }
            if (announced) {
              yield { update: { case: "end" as const, value: { message: "shutting down" } } };
            }
            await end(context);
          },
        });
      },
    }),
  );
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  client = new Client(address(), { project: "shop", apiKey: "k.s" });
});

afterEach(async () => {
  client.close();
  cut();
  await new Promise((resolve) => server.close(resolve));
});

function address(of: { address(): unknown } = server): string {
  return `127.0.0.1:${(of.address() as AddressInfo).port}`;
}

/** Breaks every connection, as a peer does that dies. */
function cut(): void {
  for (const socket of sockets) {
    socket.destroy();
  }
}

function fails(code: Code, pushback?: string): Script {
  return () => {
    throw new ConnectError("no", code, pushback === undefined ? {} : { "grpc-retry-pushback-ms": pushback });
  };
}

const unavailable = fails(Code.Unavailable, "0");

function hang(context: HandlerContext): Promise<void> {
  return new Promise((_, reject) => {
    context.signal.addEventListener("abort", () => reject(context.signal.reason));
  });
}

async function failureOf(call: Promise<unknown>): Promise<UptakeError> {
  try {
    await call;
  } catch (error) {
    assert.ok(error instanceof UptakeError, String(error));
    return error;
  }
  assert.fail("it did not fail");
}

const said = thumbsDown("answer-1");

test("a call is tried again with the request id that was made for it", async () => {
  scripts = [unavailable, fails(Code.ResourceExhausted, "0")];
  const stored = await client.collect(said);
  assert.equal(requests.length, 3);
  assert.deepEqual(new Set(requests.map(({ requestId }) => `stored-${requestId}`)), new Set([stored.id]));
  assert.deepEqual(new Set(requests.map(({ project }) => project)), new Set(["shop"]));
});

test("two calls have two request ids, and a given one is kept", async () => {
  await client.collect(said);
  await client.collect(said);
  await client.collect(said, { requestId: "mine" });
  const ids = requests.map(({ requestId }) => requestId);
  assert.equal(new Set(ids).size, 3);
  assert.equal(ids[2], "mine");
});

test("a call that a service answers is tried five times at most, by itself with back-off", async () => {
  scripts = [fails(Code.ResourceExhausted), unavailable, unavailable, unavailable, unavailable, unavailable];
  assert.equal((await failureOf(client.collect(said))).code, Code.Unavailable);
  assert.equal(requests.length, 5);
});

test("a proxy without a service behind it, or one that is shutting down, is tried until another answers", async () => {
  const noUpstream = fails(Code.Unavailable);
  const shuttingDown: Script = () => {
    throw new ConnectError("retry", Code.Unavailable, { "grpc-retry-pushback-ms": "1" }, [
      { desc: ErrorInfoSchema, value: { reason: "SHUTTING_DOWN", domain: "uptake" } },
    ]);
  };
  scripts = [...Array.from({ length: 3 }, () => shuttingDown), fails(Code.Canceled), noUpstream];
  await client.collect(said);
  assert.equal(requests.length, 6);
  assert.equal(new Set(requests.map(({ requestId }) => requestId)).size, 1);
});

test("one that is never answered is given up after the time to connect", async () => {
  using impatient = new Client(address(), { connectTimeoutMilliseconds: 1500 });
  scripts = Array.from({ length: 20 }, () => fails(Code.Unavailable));
  const error = await failureOf(impatient.collect(said));
  assert.equal(error.code, Code.Unavailable);
  assert.match(error.text, /^nothing answered at 127\.0\.0\.1:\d+ within 1\.5 s \(no\); /);
});

test("a pushback below zero, or one that cannot be read, means no retry", async () => {
  scripts = [fails(Code.Unavailable, "-1"), fails(Code.Unavailable, "soon")];
  await failureOf(client.collect(said));
  await failureOf(client.collect(said));
  assert.equal(requests.length, 2);
});

test("other errors are not tried again", async () => {
  scripts = [fails(Code.Internal), fails(Code.Aborted), fails(Code.DeadlineExceeded)];
  const codes = [];
  for (let call = 0; call < 3; call++) {
    codes.push((await failureOf(client.collect(said))).code);
  }
  assert.deepEqual(codes, [Code.Internal, Code.Aborted, Code.DeadlineExceeded]);
  assert.equal(requests.length, 3);
});

test("after many failures in a row calls are no longer tried again", async () => {
  scripts = Array.from({ length: 100 }, () => unavailable);
  for (let call = 0; call < 20; call++) {
    await failureOf(client.collect(said));
  }
  // 50 of 100 tokens are spent on failures; from then on each call is made once.
  assert.equal(requests.length, 5 * 10 + 10);
});

test("an error tells its reason and metadata, the wrong fields and when to come back", async () => {
  scripts = [
    () => {
      throw new ConnectError("too much", Code.ResourceExhausted, { "grpc-retry-pushback-ms": "-1" }, [
        { desc: ErrorInfoSchema, value: { reason: "OVERLOADED", domain: "uptake", metadata: { limit: "queue" } } },
        { desc: BadRequestSchema, value: { fieldViolations: [{ field: "feedback", description: "too long" }] } },
        { desc: RetryInfoSchema, value: { retryDelay: { seconds: 1n, nanos: 500_000_000 } } },
      ]);
    },
  ];
  const error = await failureOf(client.collect(said));
  assert.deepEqual([error.code, error.reason, error.retryable], [Code.ResourceExhausted, "OVERLOADED", true]);
  assert.deepEqual(error.metadata, { limit: "queue" });
  assert.deepEqual(error.fieldViolations, [{ field: "feedback", description: "too long" }]);
  assert.equal(error.retryAfterMilliseconds, 1500);
  assert.equal(error.message, "RESOURCE_EXHAUSTED (OVERLOADED): too much\n  feedback: too long");
});

test("a retry that does not fit into the deadline is not waited for", async () => {
  scripts = [fails(Code.Unavailable, "60000")];
  assert.equal((await failureOf(client.collect(said))).code, Code.Unavailable);
  assert.equal(requests.length, 1);
});

test("the key goes with every call, and a deadline that its retries share", async () => {
  scripts = [unavailable];
  await client.collect(said, { timeoutMilliseconds: 60_000.5 });
  await client.collect(said, { timeoutMilliseconds: Number.POSITIVE_INFINITY });
  await client.collect(said);
  assert.deepEqual(
    new Set(contexts.map(({ requestHeader }) => requestHeader.get("authorization"))),
    new Set(["Bearer k.s"]),
  );
  const timeouts = contexts.map(({ requestHeader }) =>
    Number(/^(\d+)m$/.exec(requestHeader.get("grpc-timeout") ?? "")?.[1]),
  );
  const [attempt = 0, retry = 0, infinite, ordinary = 0] = timeouts;
  assert.ok(attempt <= 60_001 && retry <= attempt && retry > 20_000, String(timeouts));
  assert.equal(infinite, 99_999_999);
  assert.ok(ordinary <= 20_000 && ordinary > 0, String(timeouts));
});

test("a deadline that passes is DEADLINE_EXCEEDED", async () => {
  scripts = [hang];
  const error = await failureOf(client.collect(said, { timeoutMilliseconds: 1000 }));
  assert.deepEqual([error.code, error.reason], [Code.DeadlineExceeded, ""]);
  assert.equal(requests.length, 1);
});

test("an aborted call throws the signal's reason and ends on the server", async () => {
  scripts = [hang];
  const leaving = new AbortController();
  const call = client.collect(said, { signal: leaving.signal });
  await eventually(() => requests.length === 1, "the call");
  leaving.abort(new Error("not needed"));
  await assert.rejects(call, /not needed/);
  await eventually(() => contexts[0]?.signal.aborted ?? false, "its end on the server");
  await assert.rejects(client.collect(said, { signal: leaving.signal }), /not needed/);
  assert.equal(requests.length, 1);
});

test("an abort ends the wait before a retry", async () => {
  scripts = [fails(Code.Unavailable, "9000")];
  const leaving = new AbortController();
  const call = client.collect(said, { signal: leaving.signal });
  await eventually(() => requests.length === 1, "the call");
  leaving.abort(new Error("not needed"));
  await assert.rejects(call, /not needed/);
});

test("a call whose connection breaks is made again over a new one", async () => {
  scripts = [
    (context) => {
      cut();
      return hang(context);
    },
  ];
  await client.collect(said);
  assert.equal(requests.length, 2);
  assert.equal(requests[0]?.requestId, requests[1]?.requestId);
});

/** Closes the port, as a process does that ends, and opens it again after so long. */
async function restart(absenceMilliseconds: number): Promise<void> {
  const port = (server.address() as AddressInfo).port;
  const closed = once(server, "close");
  server.close();
  cut();
  await closed;
  await letPass(absenceMilliseconds, "nothing listens");
  await once(server.listen(port, "127.0.0.1"), "listening");
}

test("four seconds in which nothing listens fail no call", async () => {
  const calls: Promise<unknown>[] = [];
  let calling = true;
  const caller = (async () => {
    while (calling) {
      calls.push(client.collect(said).catch((error: unknown) => error));
      await letPass(100, "ten calls a second");
    }
  })();
  await eventually(() => requests.length > 0, "the first call");
  await restart(4_000);
  calling = false;
  await caller;
  const failed = (await Promise.all(calls)).filter((outcome) => outcome instanceof Error);
  assert.deepEqual(failed, []);
  assert.ok(calls.length >= 10, String(calls.length));
});

test("where nothing listens the caller is told, and in its own time if that is shorter", async () => {
  const target = address();
  await new Promise((resolve) => server.close(resolve));
  using other = new Client(target, { connectTimeoutMilliseconds: 1500 });
  const began = performance.now();
  const errors = [
    await failureOf(other.collect(said)),
    await failureOf(other.collect(said, { timeoutMilliseconds: 1000 })),
  ];
  assert.ok(performance.now() - began >= 2490);
  assert.deepEqual(
    errors.map(({ code }) => code),
    [Code.Unavailable, Code.DeadlineExceeded],
  );
  const told = `nothing answered at ${target} within (1\\.5|1) s \\(connect ECONNREFUSED ${target}\\); see that`;
  for (const { text } of errors) {
    assert.match(text, new RegExp(told));
  }
});

test("a plain call to a port that speaks TLS, and a TLS call to one that does not, are told", async () => {
  const secure = createSecureServer().on("sessionError", () => undefined);
  await once(secure.listen(0, "127.0.0.1"), "listening");
  using plain = new Client(address(secure), { connectTimeoutMilliseconds: 300 });
  using secret = new Client(address(), { connectTimeoutMilliseconds: 300, tls: true });
  for (const wrong of [plain, secret]) {
    const error = await failureOf(wrong.collect(said));
    assert.equal(error.code, Code.Unavailable);
    assert.match(error.text, /^nothing answered at .* both sides speak TLS or neither does$/);
  }
  secure.close();
});

test("a client that is closed, or a call that is aborted, waits for no server", async () => {
  const target = address();
  await new Promise((resolve) => server.close(resolve));
  const closing = new Client(target);
  const waiting = failureOf(closing.collect(said));
  const leaving = new AbortController();
  const aborted = assert.rejects(closing.collect(said, { signal: leaving.signal }), /not needed/);
  leaving.abort(new Error("not needed"));
  await aborted;
  closing.close();
  assert.match(String(await waiting), /CANCELED: the client is closed/);
});

test("an option that the client does not have is refused", () => {
  assert.throws(() => new Client("localhost:1", { projet: "shop" } as object), /did you mean project\?/);
  assert.throws(() => new Client("localhost:1", { connectTimeoutMilliseconds: 0 }), RangeError);
});

test("a closed client ends its calls and makes no more", async () => {
  scripts = [hang];
  const call = failureOf(client.collect(said));
  const subscription = failureOf(all(client.insights.subscribe()));
  await eventually(() => requests.length === 1 && tokens.length === 1, "the calls");
  client.close();
  assert.match(String(await call), /CANCELED: the client is closed/);
  assert.equal((await subscription).code, Code.Canceled);
  assert.equal((await failureOf(client.collect(said))).code, Code.Canceled);
  assert.equal((await failureOf(all(client.insights.subscribe()))).code, Code.Canceled);
  assert.deepEqual([requests.length, tokens.length], [1, 1]);
});

test("a target of another form is refused", () => {
  for (const target of ["localhost", "http://localhost:1", "dns:///localhost:1", "localhost:1/path", ""]) {
    assert.throws(() => new Client(target), TypeError);
  }
});

test("collectMany sends only overloaded items again, under the same ids", async () => {
  itemErrors.set("b", ErrorReason.OVERLOADED);
  const items = ["a", "b", "c"].map((comment) => thumbsDown(comment, { comment }));
  const results = await all(client.collectMany(items));
  assert.deepEqual(batches, [["a", "b", "c"], ["b"]]);
  assert.deepEqual(
    results.map(({ result }) => result.case === "feedback" && result.value.comment),
    ["a", "b", "c"],
  );
});

test("collectMany splits by bytes", async () => {
  const comment = "x".repeat(3 * 1024 * 1024);
  await all(client.collectMany(Array.from({ length: 5 }, () => thumbsDown("a", { comment }))));
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [2, 2, 1],
  );
});

test("a subscription goes on with the newest token and repeats nothing", async () => {
  const tooSlow: Script = () => {
    throw new ConnectError("slow", Code.ResourceExhausted, {}, [
      { desc: ErrorInfoSchema, value: { reason: "SUBSCRIBER_TOO_SLOW", domain: "uptake" } },
    ]);
  };
  const rateLimited: Script = () => {
    throw new ConnectError("later", Code.ResourceExhausted, {}, [
      { desc: ErrorInfoSchema, value: { reason: "RATE_LIMITED", domain: "uptake" } },
      { desc: RetryInfoSchema, value: { retryDelay: { nanos: 1_000_000 } } },
    ]);
  };
  connections = [
    { events: 0, end: rateLimited },
    { events: 2, announced: true, end: unavailable },
    { events: 0, end: cut },
    { events: 1, end: tooSlow },
    { events: 0, end: () => undefined },
    { events: 3, end: hang },
  ];
  const subscription = client.insights.subscribe();
  const seqs: bigint[] = [];
  for await (const { update } of subscription) {
    assert.ok(update.case === "event");
    seqs.push(update.value.seq);
    if (update.value.seq === 5n) {
      break;
    }
  }
  assert.deepEqual(seqs, [1n, 2n, 3n, 4n, 5n]);
  assert.deepEqual(tokens, ["", "", "2", "2", "3", "3"]);
  assert.equal(subscription.resumeToken, "5");
  await eventually(() => contexts.at(-1)?.signal.aborted ?? false, "the end of the stream on the server");

  connections = [{ events: 1, end: hang }];
  await first(subscription, () => true);
  assert.equal(tokens.at(-1), "5");
});

test("a subscription throws what connecting again does not mend", async () => {
  connections = [{ events: 1, end: fails(Code.OutOfRange) }];
  assert.equal((await failureOf(all(client.insights.subscribe({ resumeToken: "7" })))).code, Code.OutOfRange);
  assert.deepEqual(tokens, ["7"]);
});

test("a subscription ends when its signal is aborted, be it connected or waiting to connect", async () => {
  const leaving = new AbortController();
  const messages = all(client.insights.subscribe({ signal: leaving.signal }));
  await eventually(() => tokens.length === 1, "the subscription");
  leaving.abort();
  assert.deepEqual(await messages, []);
  assert.deepEqual(await all(client.insights.subscribe({ signal: leaving.signal })), []);
  assert.equal(tokens.length, 1);

  connections = [{ events: 0, end: fails(Code.Unavailable) }];
  const waiting = new AbortController();
  const none = all(client.insights.subscribe({ signal: waiting.signal }));
  await eventually(() => tokens.length >= 2, "the second subscription");
  waiting.abort();
  assert.deepEqual(await none, []);
});
