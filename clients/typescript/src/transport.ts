/** What every call passes: deadline, retries, errors, request id. */

import { randomUUID } from "node:crypto";
import { type Duration, durationFromMs, type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Code, type CallOptions as ConnectOptions } from "@connectrpc/connect";
import { pause } from "./backoff.js";
import type { Channel } from "./channel.js";
import { UptakeError } from "./errors.js";
import { Retries } from "./retries.js";

/** What every call takes. */
export interface CallOptions {
  /** Deadline of the call, retries included; the client's when not given. */
  timeoutMilliseconds?: number | undefined;
  /** Ends the call, which then throws the signal's reason. What it was to change may be changed all the same. */
  signal?: AbortSignal | undefined;
}

/** What every call takes that changes something. */
export interface ChangeOptions extends CallOptions {
  /**
   * Makes it safe to call again: the same id with the same content changes nothing more. Up to 128 characters.
   * Made when not given, which covers the client's own retries only.
   */
  requestId?: string | undefined;
}

/** What a change takes that can depend on what was read before. */
export interface ConditionalOptions extends ChangeOptions {
  /** If given, the call fails when what it changes was changed since. */
  etag?: string | undefined;
}

/** A channel with what its calls have in common. */
export class Transport {
  readonly #retries = new Retries();
  #closed = false;

  constructor(
    readonly channel: Channel,
    /** The project of every request. */
    readonly project: string,
    /** Deadline of a call that does not bring its own. */
    readonly timeoutMilliseconds: number,
  ) {}

  /**
   * Makes one call, again where that may help. The deadline covers its retries.
   *
   * @throws UptakeError if the call failed; the signal's reason if it was aborted.
   */
  async call<R>(attempt: (options: ConnectOptions) => Promise<R>, options: CallOptions): Promise<R> {
    const { signal } = options;
    const deadline = performance.now() + (options.timeoutMilliseconds ?? this.timeoutMilliseconds);
    for (let attempts = 1; ; attempts++) {
      this.throwIfClosed();
      try {
        const response = await attempt(attemptOptions(deadline, signal));
        this.#retries.succeeded();
        return response;
      } catch (thrown) {
        const error = this.failure(thrown, signal);
        const wait = this.#retries.failed(error, attempts);
        if (wait === undefined || performance.now() + wait >= deadline) {
          throw error;
        }
        await pause(wait, signal);
      }
    }
  }

  /** The error of a call or stream. @throws the signal's reason if it was aborted. */
  failure(thrown: unknown, signal: AbortSignal | undefined): UptakeError {
    signal?.throwIfAborted();
    return this.#closed ? closedError() : UptakeError.fromCall(thrown);
  }

  close(): void {
    this.#closed = true;
    this.channel.close();
  }

  /** @throws UptakeError if there is no connection any more. */
  throwIfClosed(): void {
    if (this.#closed) {
      throw closedError();
    }
  }
}

/** The caller's request id, or a new one. Made once for a logical call, so that its retries are safe. */
export function requestIdOrNew(requestId: string | undefined): string {
  return requestId || randomUUID();
}

/** Converts a moment, to the millisecond. */
export function timestamp(moment: Date | undefined): Timestamp | undefined {
  return moment && timestampFromDate(moment);
}

export function duration(milliseconds: number | undefined): Duration | undefined {
  return milliseconds === undefined ? undefined : durationFromMs(Math.round(milliseconds));
}

/** What an answer always has. */
export function present<T>(field: T | undefined): T {
  if (field === undefined) {
    throw new UptakeError(Code.Internal, "the answer lacks what was asked for; see that the service is Uptake");
  }
  return field;
}

function attemptOptions(deadline: number, signal: AbortSignal | undefined): ConnectOptions {
  // On the wire a timeout is a whole number of up to eight digits, and to Connect 0 means none.
  const timeoutMs = Math.min(Math.max(Math.ceil(deadline - performance.now()), 1), 99_999_999);
  return signal === undefined ? { timeoutMs } : { timeoutMs, signal };
}

function closedError(): UptakeError {
  return new UptakeError(Code.Canceled, "the client is closed");
}
