/** Finding feedback again, and changing it. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Client as Stub } from "@connectrpc/connect";
import {
  type Feedback,
  type FeedbackFilterSchema,
  FeedbackService,
  type ListFeedbackResponse,
  type SimilarFeedback,
} from "./gen/uptake/v1/feedback_pb.js";
import { Listing, type ListOptions } from "./listing.js";
import { type CallOptions, type ChangeOptions, present, requestIdOrNew, type Transport } from "./transport.js";

export interface ListFeedbackOptions extends ListOptions {
  /** Which; all that is ACTIVE when not given. */
  filter?: MessageInitShape<typeof FeedbackFilterSchema> | undefined;
}

export interface SimilarOptions extends CallOptions {
  /** Which; all that is ACTIVE when not given. */
  filter?: MessageInitShape<typeof FeedbackFilterSchema> | undefined;
  /** How many at most, up to 100; the service's default when not given. */
  limit?: number | undefined;
}

/** What feedback is to be similar to: a text, a piece of feedback, or the newest feedback on an interaction. */
export type SimilarTo = { query: string } | { feedbackId: string } | { interactionId: string };

const ERASING_MILLISECONDS = 300_000;

/** `client.feedback`: FeedbackService, except for what `Client` has itself. Every method throws UptakeError. */
export class FeedbackCalls {
  readonly #transport: Transport;
  readonly #stub: Stub<typeof FeedbackService>;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#stub = createClient(FeedbackService, transport.channel.calls);
  }

  /**
   * Reads one piece of feedback.
   *
   * @throws UptakeError NOT_FOUND (FEEDBACK_NOT_FOUND).
   */
  async get(id: string, options: CallOptions = {}): Promise<Feedback> {
    const request = { project: this.#transport.project, id };
    const response = await this.#transport.call((attempt) => this.#stub.getFeedback(request, attempt), options);
    return present(response.feedback);
  }

  /** Lists feedback, newest first by `occurTime`. */
  list(options: ListFeedbackOptions = {}): Listing<ListFeedbackResponse, Feedback> {
    const request = {
      project: this.#transport.project,
      filter: options.filter,
      pageSize: options.pageSize ?? 0,
    };
    return new Listing(
      (pageToken) =>
        this.#transport.call((attempt) => this.#stub.listFeedback({ ...request, pageToken }, attempt), options),
      (page) => page.feedback,
    );
  }

  /** Lists feedback on queries that ask the same, most similar first. */
  async similar(to: SimilarTo, options: SimilarOptions = {}): Promise<SimilarFeedback[]> {
    const request = {
      project: this.#transport.project,
      reference: reference(to),
      filter: options.filter,
      limit: options.limit ?? 0,
    };
    const response = await this.#transport.call((attempt) => this.#stub.listSimilarFeedback(request, attempt), options);
    return response.similarFeedback;
  }

  /**
   * Changes what the user said.
   *
   * @param feedback - The new content, such as one that `thumbsDown` makes.
   * @param updateMask - What to take from it: any of "type", "rating", "correction", "custom", "comment", "labels".
   * @returns the feedback as it is now.
   * @throws UptakeError NOT_FOUND; FAILED_PRECONDITION (FEEDBACK_RETRACTED); INVALID_ARGUMENT when the result is not
   *   valid as a whole.
   */
  async amend(id: string, feedback: Feedback, updateMask: string[], options: ChangeOptions = {}): Promise<Feedback> {
    const request = {
      project: this.#transport.project,
      id,
      feedback,
      updateMask: { paths: updateMask },
      requestId: requestIdOrNew(options.requestId),
    };
    const response = await this.#transport.call((attempt) => this.#stub.amendFeedback(request, attempt), options);
    return present(response.feedback);
  }

  /**
   * Takes feedback back: it stays readable and counts nowhere. Again changes nothing.
   *
   * @throws UptakeError NOT_FOUND (FEEDBACK_NOT_FOUND).
   */
  async retract(id: string, options: ChangeOptions = {}): Promise<Feedback> {
    const request = { project: this.#transport.project, id, requestId: requestIdOrNew(options.requestId) };
    const response = await this.#transport.call((attempt) => this.#stub.retractFeedback(request, attempt), options);
    return present(response.feedback);
  }

  /**
   * Removes one piece of feedback, an anonymous one too, its share of every number and its words in what was made of it,
   * for good. A call that ends early does not end it; the same call again waits for the rest.
   *
   * @throws UptakeError NOT_FOUND (FEEDBACK_NOT_FOUND).
   */
  async delete(id: string, options: ChangeOptions = {}): Promise<void> {
    const request = { project: this.#transport.project, id, requestId: requestIdOrNew(options.requestId) };
    await this.#transport.call((attempt) => this.#stub.deleteFeedback(request, attempt), {
      timeoutMilliseconds: ERASING_MILLISECONDS,
      ...options,
    });
  }

  /**
   * Removes all feedback of one user, its share of every number and its words in what was made of it, for good. A call
   * that ends early does not end it; the same call again waits for the rest. Without a timeout it takes five minutes.
   *
   * @returns how many pieces of feedback were removed.
   */
  async eraseUser(userId: string, options: ChangeOptions = {}): Promise<bigint> {
    const request = { project: this.#transport.project, userId, requestId: requestIdOrNew(options.requestId) };
    const response = await this.#transport.call((attempt) => this.#stub.eraseUserFeedback(request, attempt), {
      timeoutMilliseconds: ERASING_MILLISECONDS,
      ...options,
    });
    return response.erasedCount;
  }
}

function reference(to: SimilarTo) {
  if ("query" in to) {
    return { case: "query", value: to.query } as const;
  }
  return "feedbackId" in to
    ? ({ case: "feedbackId", value: to.feedbackId } as const)
    : ({ case: "interactionId", value: to.interactionId } as const);
}
