/** Much feedback in few calls. */

import { create, toBinary } from "@bufbuild/protobuf";
import type { Client as Stub } from "@connectrpc/connect";
import { Backoff } from "./backoff.js";
import { UptakeError } from "./errors.js";
import {
  type BatchCollectFeedbackResult,
  type CollectFeedbackRequest,
  CollectFeedbackRequestSchema,
  type Feedback,
  type FeedbackService,
} from "./gen/uptake/v1/feedback_pb.js";
import { type CallOptions, requestIdOrNew, type Transport } from "./transport.js";

/** Feedback, or a request to choose the request id, so that a whole import can be repeated. */
export type FeedbackItem = Feedback | CollectFeedbackRequest;
export type FeedbackItems = Iterable<FeedbackItem> | AsyncIterable<FeedbackItem>;

export interface CollectManyOptions extends CallOptions {
  /** Items a call, 1 to 1,000, by default 500; a call is also bounded by bytes. */
  batchSize?: number | undefined;
  /** Calls at once, by default 2. */
  inFlight?: number | undefined;
}

// The server takes messages of 16 MB, and its answer repeats the batch with what it adds.
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const MAX_BATCH_SIZE = 1000;
const ITEM_ATTEMPTS = 4;

/** Sends items in batches and yields their results in order. See `Client.collectMany`. */
export async function* collectMany(
  transport: Transport,
  stub: Stub<typeof FeedbackService>,
  items: FeedbackItems,
  { batchSize = 500, inFlight = 2, timeoutMilliseconds, signal }: CollectManyOptions,
): AsyncGenerator<BatchCollectFeedbackResult, void> {
  if (!(batchSize >= 1 && batchSize <= MAX_BATCH_SIZE)) {
    throw new RangeError(`batchSize must be from 1 to ${MAX_BATCH_SIZE}, not ${batchSize}`);
  }
  if (!(inFlight >= 1)) {
    throw new RangeError(`inFlight must be at least 1, not ${inFlight}`);
  }
  const left = new AbortController();
  const options = {
    timeoutMilliseconds,
    signal: signal === undefined ? left.signal : AbortSignal.any([left.signal, signal]),
  };
  const running: Promise<BatchCollectFeedbackResult[]>[] = [];
  try {
    for await (const batch of batches(items, batchSize)) {
      const results = collectBatch(transport, stub, batch, options);
      // It may fail before its turn to be awaited comes, or after the loop was left.
      results.catch(() => undefined);
      running.push(results);
      if (running.length >= inFlight) {
        yield* await (running.shift() as Promise<BatchCollectFeedbackResult[]>);
      }
    }
    for (const results of running) {
      yield* await results;
    }
  } finally {
    left.abort();
  }
}

async function* batches(items: FeedbackItems, batchSize: number): AsyncGenerator<CollectFeedbackRequest[], void> {
  let batch: CollectFeedbackRequest[] = [];
  let batchBytes = 0;
  for await (const item of items) {
    const request = identified(item);
    const itemBytes = toBinary(CollectFeedbackRequestSchema, request).byteLength;
    if (batch.length > 0 && (batch.length >= batchSize || batchBytes + itemBytes > MAX_BATCH_BYTES)) {
      yield batch;
      batch = [];
      batchBytes = 0;
    }
    batch.push(request);
    batchBytes += itemBytes;
  }
  if (batch.length > 0) {
    yield batch;
  }
}

/** A request with a request id for the item; the caller's message stays as it is. */
function identified(item: FeedbackItem): CollectFeedbackRequest {
  if (item.$typeName === "uptake.v1.Feedback") {
    return create(CollectFeedbackRequestSchema, { feedback: item, requestId: requestIdOrNew(undefined) });
  }
  return item.requestId ? item : { ...item, requestId: requestIdOrNew(undefined) };
}

/** Sends one batch, and again those of its items that failed for want of room or of the database. */
async function collectBatch(
  transport: Transport,
  stub: Stub<typeof FeedbackService>,
  batch: CollectFeedbackRequest[],
  options: CallOptions,
): Promise<BatchCollectFeedbackResult[]> {
  const results: BatchCollectFeedbackResult[] = [];
  const backoff = new Backoff();
  let due = batch.map((request, at) => ({ request, at }));
  for (let attempt = 1; ; attempt++) {
    const request = { project: transport.project, requests: due.map((item) => item.request) };
    const response = await transport.call((attempt) => stub.batchCollectFeedback(request, attempt), options);
    const again: typeof due = [];
    let waitMilliseconds = 0;
    for (const [index, item] of due.entries()) {
      const result = response.results[index] as BatchCollectFeedbackResult;
      results[item.at] = result;
      const error = result.result.case === "error" ? UptakeError.fromItem(result.result.value) : undefined;
      if (error?.retryable) {
        again.push(item);
        waitMilliseconds = Math.max(waitMilliseconds, error.retryAfterMilliseconds ?? 0);
      }
    }
    due = again;
    if (due.length === 0 || attempt === ITEM_ATTEMPTS) {
      return results;
    }
    await backoff.wait(waitMilliseconds, options.signal);
  }
}
