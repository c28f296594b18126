/** A stream that goes on across restarts of the server. */

import { Code, type CallOptions as ConnectOptions } from "@connectrpc/connect";
import { Backoff } from "./backoff.js";
import type { UptakeError } from "./errors.js";
import type { Transport } from "./transport.js";

/** One message of a stream that can be resumed. */
export interface Update {
  readonly resumeToken: string;
  readonly update: { readonly case: string | undefined };
}

/** What every subscription takes. */
export interface SubscriptionOptions {
  /** Go on after this token, with the same filter. */
  resumeToken?: string | undefined;
  /** How often to be told that nothing happened, 1 to 300 seconds; the service's default when not given. */
  checkpointMilliseconds?: number | undefined;
  /** Ends the subscription: iteration is over, without an error. */
  signal?: AbortSignal | undefined;
}

/**
 * The messages of a stream, without gaps and without repetitions: a snapshot, metrics, events, reviews and
 * checkpoints; never a StreamEnd.
 *
 * When the stream ends (UNAVAILABLE, CANCELED, overload, a StreamEnd, or a subscriber that was too slow), it connects
 * again with the newest resume token, for as long as it takes. Any other status is thrown as UptakeError,
 * RESUME_TOKEN_EXPIRED among them. Leaving the loop ends the stream on the server; another loop goes on after the last
 * message.
 */
export class Subscription<M extends Update> implements AsyncIterable<M> {
  readonly #transport: Transport;
  readonly #connect: (resumeToken: string, options: ConnectOptions) => AsyncIterable<M>;
  readonly #signal: AbortSignal | undefined;
  #resumeToken: string;

  constructor(
    transport: Transport,
    connect: (resumeToken: string, options: ConnectOptions) => AsyncIterable<M>,
    { resumeToken = "", signal }: SubscriptionOptions,
  ) {
    this.#transport = transport;
    this.#connect = connect;
    this.#signal = signal;
    this.#resumeToken = resumeToken;
  }

  /** Token of the newest message that was handed out: keep it to go on after it in another process. */
  get resumeToken(): string {
    return this.#resumeToken;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<M, void> {
    const backoff = new Backoff();
    try {
      for (;;) {
        let retryAfterMilliseconds: number | undefined;
        try {
          for await (const message of this.#messages()) {
            backoff.reset();
            yield message;
          }
        } catch (thrown) {
          const error = this.#transport.failure(thrown, this.#signal);
          this.#transport.throwIfClosed();
          if (!canResume(error)) {
            throw error;
          }
          retryAfterMilliseconds = error.retryAfterMilliseconds;
        }
        await backoff.wait(retryAfterMilliseconds, this.#signal);
      }
    } catch (error) {
      if (!this.#signal?.aborted) {
        throw error;
      }
    }
  }

  /** The messages of one connection. */
  async *#messages(): AsyncGenerator<M, void> {
    this.#transport.throwIfClosed();
    const left = new AbortController();
    const signal = this.#signal === undefined ? left.signal : AbortSignal.any([left.signal, this.#signal]);
    try {
      for await (const message of this.#connect(this.#resumeToken, { signal })) {
        this.#resumeToken = message.resumeToken || this.#resumeToken;
        if (message.update.case === "end") {
          return;
        }
        yield message;
      }
    } finally {
      left.abort();
    }
  }
}

function canResume(error: UptakeError): boolean {
  if (error.code === Code.ResourceExhausted) {
    return error.reason === "SUBSCRIBER_TOO_SLOW" || error.retryAfterMilliseconds !== undefined;
  }
  return error.code === Code.Unavailable || error.code === Code.Canceled;
}
