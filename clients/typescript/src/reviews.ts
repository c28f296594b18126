/** The tasks for people: finding and claiming reviews, and subscribing to them. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Client as Stub } from "@connectrpc/connect";
import { Claim, type LeaseOptions } from "./claim.js";
import {
  type GetReviewResponse,
  type ListReviewsResponse,
  type Review,
  type ReviewFilterSchema,
  ReviewOrder,
  ReviewSchema,
  ReviewService,
  type SubscribeReviewsResponse,
} from "./gen/uptake/v1/review_pb.js";
import { Listing, type ListOptions } from "./listing.js";
import { Subscription, type SubscriptionOptions } from "./subscription.js";
import {
  type CallOptions,
  type ConditionalOptions,
  duration,
  present,
  requestIdOrNew,
  type Transport,
} from "./transport.js";

export interface ListReviewsOptions extends ListOptions {
  /** Which; all when not given. */
  filter?: MessageInitShape<typeof ReviewFilterSchema> | undefined;
  /** In which order; newest first when not given. */
  order?: ReviewOrder | undefined;
}

export interface ClaimOptions extends ConditionalOptions, LeaseOptions {}

export interface SubscribeReviewsOptions extends SubscriptionOptions {
  /** Which; all when not given. */
  filter?: MessageInitShape<typeof ReviewFilterSchema> | undefined;
}

/** `client.reviews`: ReviewService. What needs a claim is on `Claim`. Every method throws UptakeError. */
export class ReviewCalls {
  readonly #transport: Transport;
  readonly #stub: Stub<typeof ReviewService>;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#stub = createClient(ReviewService, transport.channel.calls);
  }

  /** Lists reviews. */
  list(options: ListReviewsOptions = {}): Listing<ListReviewsResponse, Review> {
    const request = {
      project: this.#transport.project,
      filter: options.filter,
      order: options.order ?? ReviewOrder.UNSPECIFIED,
      pageSize: options.pageSize ?? 0,
    };
    return new Listing(
      (pageToken) =>
        this.#transport.call((attempt) => this.#stub.listReviews({ ...request, pageToken }, attempt), options),
      (page) => page.reviews,
    );
  }

  /**
   * Reads one review, with its related feedback as it is now and its history.
   *
   * @throws UptakeError NOT_FOUND (REVIEW_NOT_FOUND).
   */
  get(id: string, options: CallOptions = {}): Promise<GetReviewResponse> {
    const request = { project: this.#transport.project, id };
    return this.#transport.call((attempt) => this.#stub.getReview(request, attempt), options);
  }

  /**
   * Takes a review for one reviewer: `await using claim = await client.reviews.claim(...)`. It is renewed in the
   * background, unless `autoRenew` is false. The same request id gives the same token.
   *
   * @param reviewer - Who claims it, 1 to 256 characters.
   * @throws UptakeError FAILED_PRECONDITION (REVIEW_CLAIMED, REVIEW_FINISHED), NOT_FOUND, ABORTED (ETAG_MISMATCH).
   */
  async claim(id: string, reviewer: string, options: ClaimOptions = {}): Promise<Claim> {
    const request = {
      project: this.#transport.project,
      id,
      reviewer,
      leaseDuration: duration(options.leaseMilliseconds),
      etag: options.etag ?? "",
      requestId: requestIdOrNew(options.requestId),
    };
    const askedAt = performance.now();
    const response = await this.#transport.call((attempt) => this.#stub.claimReview(request, attempt), options);
    const lease = { ...options, autoRenew: options.autoRenew ?? true };
    return new Claim(this.#transport, this.#stub, present(response.review), response.claimToken, askedAt, lease);
  }

  /**
   * A claim that was made before, perhaps by another process: a web tool claims in one request and resolves in a
   * later one. Nothing is sent; `review` has only its id until a call answers. It is renewed in the background only
   * if `autoRenew` is true.
   *
   * @param token - `Claim.token`.
   */
  held(id: string, token: string, options: LeaseOptions = {}): Claim {
    return new Claim(this.#transport, this.#stub, create(ReviewSchema, { id }), token, performance.now(), options);
  }

  /**
   * Opens a finished review again.
   *
   * @param reviewer - Who opens it, 1 to 256 characters.
   * @param note - Why, up to 10,000 characters.
   * @throws UptakeError FAILED_PRECONDITION (REVIEW_NOT_FINISHED, ACTIVE_REVIEW_EXISTS), NOT_FOUND, ABORTED.
   */
  async reopen(id: string, reviewer: string, note = "", options: ConditionalOptions = {}): Promise<Review> {
    const request = {
      project: this.#transport.project,
      id,
      reviewer,
      note,
      etag: options.etag ?? "",
      requestId: requestIdOrNew(options.requestId),
    };
    const response = await this.#transport.call((attempt) => this.#stub.reopenReview(request, attempt), options);
    return present(response.review);
  }

  /** Follows the reviews that match: every one that matches now (or none, after a token), then each change. */
  subscribe(options: SubscribeReviewsOptions = {}): Subscription<SubscribeReviewsResponse> {
    const request = {
      project: this.#transport.project,
      filter: options.filter,
      checkpointInterval: duration(options.checkpointMilliseconds),
    };
    return new Subscription(
      this.#transport,
      (resumeToken, call) => this.#stub.subscribeReviews({ ...request, resumeToken }, call),
      options,
    );
  }
}
