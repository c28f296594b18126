/** What every call passes: waiting for a service, deadline, retries, errors, request id. */

import { randomUUID } from "node:crypto";
import { type Duration, durationFromMs, type Timestamp } from "@bufbuild/protobuf/wkt";
import { Code, type CallOptions as ConnectOptions } from "@connectrpc/connect";
import { moment } from "./arguments.js";
import { pause } from "./backoff.js";
import type { Channel } from "./channel.js";
import { UptakeError } from "./errors.js";
import { backoffMilliseconds, isUnanswered, pushbackMilliseconds, Retries } from "./retries.js";

// A restarted server is found within a second; an attempt to connect costs it nothing.
const RECONNECT_MILLISECONDS = 1_000;

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
    /** How long a call waits for a service that answers. */
    readonly connectTimeoutMilliseconds: number,
  ) {}

  /**
   * Makes one call, again where that may help. The deadline covers its retries, and waiting for a service that answers.
   *
   * @throws UptakeError if the call failed; the signal's reason if it was aborted.
   */
  async call<R>(attempt: (options: ConnectOptions) => Promise<R>, options: CallOptions): Promise<R> {
    const { signal } = options;
    const timeout = options.timeoutMilliseconds ?? this.timeoutMilliseconds;
    const deadline = performance.now() + timeout;
    let answers = 0;
    // Since no service answers: how often it was tried, when to give up, and how it failed.
    let unanswered = 0;
    let giveUp = Number.POSITIVE_INFINITY;
    let silence: UptakeError | undefined;
    for (;;) {
      this.throwIfClosed();
      if (silence !== undefined && performance.now() >= giveUp) {
        throw silence.reason === "" ? this.#nothingAnswered(giveUp === deadline, timeout, silence) : silence;
      }
      const patience = Math.min(giveUp, performance.now() + this.connectTimeoutMilliseconds, deadline);
      const refused = await this.channel.connect(patience - performance.now(), signal);
      let error: UptakeError;
      if (refused === undefined) {
        try {
          const response = await attempt(attemptOptions(deadline, signal));
          this.#retries.succeeded();
          return response;
        } catch (thrown) {
          error = this.failure(thrown, signal);
        }
      } else {
        error = new UptakeError(Code.Unavailable, refused);
      }
      this.throwIfClosed();
      if (isUnanswered(error)) {
        unanswered++;
        silence = error;
        // One that was on its way is given as long as one that begins.
        const began = refused === undefined ? performance.now() + this.connectTimeoutMilliseconds : patience;
        giveUp = Math.min(giveUp, began, deadline);
        const most = refused === undefined ? Number.POSITIVE_INFINITY : RECONNECT_MILLISECONDS;
        const wait = Math.max(Math.min(backoffMilliseconds(unanswered), most), pushbackMilliseconds(error) ?? 0);
        await pause(Math.min(wait, Math.max(giveUp - performance.now(), 0)), signal);
      } else {
        answers++;
        [unanswered, giveUp, silence] = [0, Number.POSITIVE_INFINITY, undefined];
        const wait = this.#retries.failed(error, answers);
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

  /** `late`: the call's deadline was shorter than the time to connect. */
  #nothingAnswered(late: boolean, timeoutMilliseconds: number, cause: UptakeError): UptakeError {
    const seconds = (late ? timeoutMilliseconds : this.connectTimeoutMilliseconds) / 1000;
    const why = cause.text.trim().replace(/\s+/g, " ");
    const hint = "see that the service runs there, and that both sides speak TLS or neither does";
    const text = `nothing answered at ${this.channel.target} within ${seconds} s (${why}); ${hint}`;
    return new UptakeError(late ? Code.DeadlineExceeded : Code.Unavailable, text, { cause });
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

/** Converts the argument `name`, to the millisecond. @throws TypeError or RangeError if it is no valid Date. */
export function timestamp(name: string, value: Date | undefined): Timestamp | undefined {
  return value && moment(name, value);
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
