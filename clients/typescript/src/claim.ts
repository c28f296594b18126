/** A reviewer's hold on a review. */

import { setTimeout as sleep } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, type CallOptions as ConnectOptions, type Client as Stub } from "@connectrpc/connect";
import { Backoff } from "./backoff.js";
import { UptakeError } from "./errors.js";
import type { CorrectionDraftSchema } from "./gen/uptake/v1/correction_pb.js";
import type { ResolveReviewResponse, Review, ReviewService } from "./gen/uptake/v1/review_pb.js";
import {
  type CallOptions,
  type ChangeOptions,
  type ConditionalOptions,
  duration,
  present,
  requestIdOrNew,
  type Transport,
  timestamp,
} from "./transport.js";

/** How a claim is kept. */
export interface LeaseOptions {
  /** How long the claim holds without being renewed, 1 second to 24 hours; by default 15 minutes. */
  leaseMilliseconds?: number | undefined;
  /** Renew in the background until the claim is finished, lost or disposed of. */
  autoRenew?: boolean | undefined;
}

export interface ResolveOptions extends ConditionalOptions {
  /** Applied in the same commit, up to 100. If one cannot be applied, nothing is changed. */
  corrections?: MessageInitShape<typeof CorrectionDraftSchema>[] | undefined;
  /** When the fix went live; now when not given. */
  fixTime?: Date | undefined;
}

const LEASE_MILLISECONDS = 900_000;
// Three renewals fit into a lease, so that one that fails costs nothing.
const RENEWALS_PER_LEASE = 3;

/**
 * A claimed review, to be held with `await using`: its lease is renewed in the background, a third of its length
 * apart, and a block that ends without `resolve`, `dismiss` or `release` gives the review back.
 *
 * Every method throws UptakeError: FAILED_PRECONDITION with the reason CLAIM_LOST when the lease ran out or somebody
 * else has the review. Once the claim is known to be lost they throw that without a call.
 */
export class Claim implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #stub: Stub<typeof ReviewService>;
  readonly #leaseMilliseconds: number;
  readonly #lost = new AbortController();
  readonly #kept = new AbortController();
  #review: Review;
  #heldUntil: number;
  #finished = false;
  #turn: Promise<unknown> = Promise.resolve();

  /** @param heldFrom - `performance.now()` when the claim was asked for, from which the lease is counted. */
  constructor(
    transport: Transport,
    stub: Stub<typeof ReviewService>,
    review: Review,
    /** Shows that the caller holds the claim. Keep it secret; `reviews.held` makes a Claim of it elsewhere. */
    readonly token: string,
    heldFrom: number,
    { leaseMilliseconds = LEASE_MILLISECONDS, autoRenew }: LeaseOptions,
  ) {
    this.#transport = transport;
    this.#stub = stub;
    this.#review = review;
    this.#leaseMilliseconds = leaseMilliseconds;
    this.#heldUntil = heldFrom + leaseMilliseconds;
    if (autoRenew) {
      void this.#keep();
    }
  }

  /** The review as it was last seen. */
  get review(): Review {
    return this.#review;
  }

  /** Aborted when the claim is lost, for work that should then stop. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * Extends the lease.
   *
   * @param leaseMilliseconds - How long it holds from now; as long as claimed when not given.
   */
  renew(leaseMilliseconds = this.#leaseMilliseconds, options: CallOptions = {}): Promise<Review> {
    return this.#inTurn(() => this.#renew(leaseMilliseconds, options));
  }

  /**
   * Gives the review back.
   *
   * @param note - Why, up to 10,000 characters.
   * @returns the review, open again.
   */
  async release(note = "", options: ChangeOptions = {}): Promise<Review> {
    const request = { ...this.#claim(), note, requestId: requestIdOrNew(options.requestId) };
    const response = await this.#finish((attempt) => this.#stub.releaseReview(request, attempt), options);
    return present(response.review);
  }

  /**
   * Finishes: the answers were fixed. Only feedback on answers after the fix can reopen the review.
   *
   * @param note - What was done, up to 10,000 characters.
   * @returns the review, resolved, and the corrections that were applied.
   * @throws UptakeError besides a lost claim: ABORTED (BASE_REVISION_MISMATCH, ETAG_MISMATCH).
   */
  resolve(note = "", options: ResolveOptions = {}): Promise<ResolveReviewResponse> {
    const request = {
      ...this.#claim(),
      note,
      fixTime: timestamp("fixTime", options.fixTime),
      corrections: options.corrections ?? [],
      etag: options.etag ?? "",
      requestId: requestIdOrNew(options.requestId),
    };
    return this.#finish((attempt) => this.#stub.resolveReview(request, attempt), options);
  }

  /**
   * Finishes: nothing is to be fixed. The pattern stays quiet for a time.
   *
   * @param note - Why, up to 10,000 characters.
   * @returns the review, dismissed.
   * @throws UptakeError besides a lost claim: ABORTED (ETAG_MISMATCH).
   */
  async dismiss(note = "", options: ConditionalOptions = {}): Promise<Review> {
    const request = {
      ...this.#claim(),
      note,
      etag: options.etag ?? "",
      requestId: requestIdOrNew(options.requestId),
    };
    const response = await this.#finish((attempt) => this.#stub.dismissReview(request, attempt), options);
    return present(response.review);
  }

  /** Gives the review back, if it is not finished, and ends the renewing. A claim that is gone needs no release. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#kept.abort();
    if (this.#over) {
      return;
    }
    try {
      await this.release();
    } catch (error) {
      if (!(error instanceof UptakeError && error.code === Code.FailedPrecondition)) {
        throw error;
      }
    }
  }

  /** Renews until finished or lost. A renewal that fails is tried again while the lease lasts. */
  async #keep(): Promise<void> {
    const interval = this.#leaseMilliseconds / RENEWALS_PER_LEASE;
    const options = {
      timeoutMilliseconds: Math.min(interval, this.#transport.timeoutMilliseconds),
      signal: this.#kept.signal,
    };
    try {
      for (;;) {
        // A claim that nobody disposes of does not keep the process running.
        await sleep(interval, undefined, { signal: this.#kept.signal, ref: false });
        const backoff = new Backoff();
        while (!(await this.#inTurn(() => this.#renewedOrLost(options)))) {
          await backoff.wait(0, this.#kept.signal);
        }
      }
    } catch (error) {
      if (!this.#kept.signal.aborted) {
        throw error;
      }
    }
  }

  async #renewedOrLost(options: CallOptions): Promise<boolean> {
    this.#kept.signal.throwIfAborted();
    try {
      await this.#renew(this.#leaseMilliseconds, options);
      return true;
    } catch (error) {
      if (performance.now() >= this.#heldUntil) {
        this.#lose(error);
      }
      this.#kept.signal.throwIfAborted();
      return false;
    }
  }

  async #renew(leaseMilliseconds: number, options: CallOptions): Promise<Review> {
    this.#throwIfLost();
    const request = { ...this.#claim(), leaseDuration: duration(leaseMilliseconds) };
    const askedAt = performance.now();
    try {
      const response = await this.#transport.call((attempt) => this.#stub.renewClaim(request, attempt), options);
      this.#heldUntil = askedAt + leaseMilliseconds;
      this.#review = present(response.review);
      return this.#review;
    } catch (error) {
      if (error instanceof UptakeError && (error.code === Code.FailedPrecondition || error.code === Code.NotFound)) {
        this.#lose(error);
      }
      throw error;
    }
  }

  #finish<R extends { review?: Review | undefined }>(
    attempt: (options: ConnectOptions) => Promise<R>,
    options: CallOptions,
  ): Promise<R> {
    return this.#inTurn(async () => {
      const response = await this.#transport.call(attempt, options);
      this.#review = present(response.review);
      this.#finished = true;
      this.#kept.abort();
      return response;
    });
  }

  /** One call at a time: a renewal that overtakes the finishing call would be refused, and look like a lost claim. */
  #inTurn<R>(call: () => Promise<R>): Promise<R> {
    const result = this.#turn.then(() => {
      this.#throwIfLost();
      return call();
    });
    this.#turn = result.catch(() => undefined);
    return result;
  }

  #claim(): { project: string; id: string; claimToken: string } {
    return { project: this.#transport.project, id: this.#review.id, claimToken: this.token };
  }

  get #over(): boolean {
    return this.#finished || this.#lost.signal.aborted;
  }

  #lose(error: unknown): void {
    this.#lost.abort(
      new UptakeError(Code.FailedPrecondition, `the claim on review ${this.#review.id} is lost; claim it again`, {
        reason: "CLAIM_LOST",
        cause: error,
      }),
    );
    this.#kept.abort();
  }

  #throwIfLost(): void {
    this.#lost.signal.throwIfAborted();
  }
}
