/** The client: one connection to an Uptake service, for one project. */

import type { ConnectionOptions } from "node:tls";
import { createClient, type Client as Stub } from "@connectrpc/connect";
import { refuseUnexpected } from "./arguments.js";
import { type CollectManyOptions, collectMany, type FeedbackItems } from "./batches.js";
import { openChannel } from "./channel.js";
import { CorrectionCalls } from "./corrections.js";
import { FeedbackCalls } from "./feedback.js";
import { type BatchCollectFeedbackResult, type Feedback, FeedbackService } from "./gen/uptake/v1/feedback_pb.js";
import { InsightCalls } from "./insights.js";
import { IssueCalls } from "./issues.js";
import { ProjectCalls } from "./projects.js";
import { ReviewCalls } from "./reviews.js";
import { type ChangeOptions, present, requestIdOrNew, Transport } from "./transport.js";

export interface ClientOptions {
  /** The project of every call, by default "default". */
  project?: string | undefined;
  /** An API key, "id.secret". Without `tls` it travels in clear text: for loopback or a mesh only. */
  apiKey?: string | undefined;
  /** true for TLS by the system's trust, or what to trust and who to be (`ca`, `cert`, `key`); else plain text. */
  tls?: boolean | ConnectionOptions | undefined;
  /**
   * Deadline of every call that does not bring its own, with all its waiting and retries, by default 20 seconds. Streams
   * have none.
   */
  timeoutMilliseconds?: number | undefined;
  /**
   * How long a call waits for a service that answers, such as one that is restarted, by default 15 seconds. Then it fails
   * with UNAVAILABLE; where its deadline is shorter, with DEADLINE_EXCEEDED. Streams wait for as long as it takes.
   */
  connectTimeoutMilliseconds?: number | undefined;
}

const OPTIONS = Object.keys({
  project: true,
  apiKey: true,
  tls: true,
  timeoutMilliseconds: true,
  connectTimeoutMilliseconds: true,
} satisfies Record<keyof ClientOptions, true>);

/**
 * A client of one project, to be made once and shared.
 *
 * Where no service answers, as while it is restarted, calls wait for it. Those that it answers with UNAVAILABLE or
 * overload are retried within their deadline, as often as it allows. That is safe because every call that changes
 * something carries a request id, made once for the logical call.
 */
export class Client implements Disposable {
  /** Reading, amending, retracting, erasing. */
  readonly feedback: FeedbackCalls;
  /** The tasks for people. */
  readonly reviews: ReviewCalls;
  /** Numbers and the live subscription. */
  readonly insights: InsightCalls;
  /** What users complain of. */
  readonly issues: IssueCalls;
  /** Changes to knowledge and instructions, and reading both. */
  readonly corrections: CorrectionCalls;
  /** Settings, and who changed what. */
  readonly projects: ProjectCalls;
  readonly #transport: Transport;
  readonly #stub: Stub<typeof FeedbackService>;

  /**
   * Connects with the first call.
   *
   * @param target - "host:port".
   * @throws TypeError if the target has another form or there is no such option, RangeError if `connectTimeoutMilliseconds` is not above 0.
   */
  constructor(target = "localhost:50051", options: ClientOptions = {}) {
    refuseUnexpected("Client", options, OPTIONS);
    const { project = "default", apiKey, tls = false } = options;
    const { timeoutMilliseconds = 20_000, connectTimeoutMilliseconds = 15_000 } = options;
    if (!(connectTimeoutMilliseconds > 0)) {
      throw new RangeError(`connectTimeoutMilliseconds must be above 0, not ${connectTimeoutMilliseconds}`);
    }
    const channel = openChannel(target, apiKey, tls);
    this.#transport = new Transport(channel, project, timeoutMilliseconds, connectTimeoutMilliseconds);
    this.#stub = createClient(FeedbackService, channel.calls);
    this.feedback = new FeedbackCalls(this.#transport);
    this.reviews = new ReviewCalls(this.#transport);
    this.insights = new InsightCalls(this.#transport);
    this.issues = new IssueCalls(this.#transport);
    this.corrections = new CorrectionCalls(this.#transport);
    this.projects = new ProjectCalls(this.#transport);
  }

  /**
   * Stores one piece of feedback. It is committed when this resolves.
   *
   * @param feedback - What the user said; `thumbsUp` and its like make one.
   * @returns the feedback as it is stored. A user's second vote on an interaction gives the amended first one.
   * @throws UptakeError INVALID_ARGUMENT with `fieldViolations`; ALREADY_EXISTS (REQUEST_ID_REUSED);
   *   RESOURCE_EXHAUSTED or UNAVAILABLE when retries did not help; and any other status.
   */
  async collect(feedback: Feedback, options: ChangeOptions = {}): Promise<Feedback> {
    const request = {
      project: this.#transport.project,
      feedback,
      requestId: requestIdOrNew(options.requestId),
    };
    const response = await this.#transport.call((attempt) => this.#stub.collectFeedback(request, attempt), options);
    return present(response.feedback);
  }

  /**
   * Stores much feedback, such as an import, in few calls. Results come a batch at a time.
   *
   * One item that fails does not stop the rest. Items that fail for want of room or of the database are sent again a
   * few times. The items are read as batches are sent.
   *
   * @returns one result for each item, in their order: `feedback` as stored, or `error` (see `UptakeError.fromItem`).
   * @throws UptakeError if a whole call failed. The results so far stand; of the items in flight it is not known.
   * @throws RangeError if a bound is out of range.
   */
  collectMany(
    items: FeedbackItems,
    options: CollectManyOptions = {},
  ): AsyncGenerator<BatchCollectFeedbackResult, void> {
    return collectMany(this.#transport, this.#stub, items, options);
  }

  /** Closes the connection and ends the calls and subscriptions over it. */
  close(): void {
    this.#transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
