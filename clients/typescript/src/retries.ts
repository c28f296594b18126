/** Which failed calls are made again, and when: gRPC's retry design, which Connect leaves to its users. */

import { Code, ConnectError } from "@connectrpc/connect";
import type { UptakeError } from "./errors.js";

const MAX_ATTEMPTS = 5;
const INITIAL_BACKOFF_MILLISECONDS = 200;
const BACKOFF_MULTIPLIER = 2.5;
const MAX_BACKOFF_MILLISECONDS = 2_000;

const MAX_TOKENS = 100;
const TOKENS_PER_SUCCESS = 0.1;

const PUSHBACK_HEADER = "grpc-retry-pushback-ms";

/**
 * The retries of all calls over one connection: those that a service answered with UNAVAILABLE or overload. They are
 * made again after the time that the service asks for if it does, and not at all when it says that a retry is wrong.
 * After many failures in a row retries only add load: they stop until calls succeed.
 *
 * Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md
 */
export class Retries {
  #tokens = MAX_TOKENS;

  /** A call succeeded. */
  succeeded(): void {
    this.#tokens = Math.min(this.#tokens + TOKENS_PER_SUCCESS, MAX_TOKENS);
  }

  /**
   * A call was answered with an error.
   *
   * @param attempts - How often the service has answered it so far, 1 or more.
   * @returns how long to wait before it is made again, in milliseconds; undefined: not again.
   */
  failed(error: UptakeError, attempts: number): number | undefined {
    if (!error.retryable) {
      return undefined;
    }
    this.#tokens = Math.max(this.#tokens - 1, 0);
    const pushback = pushbackMilliseconds(error);
    const refused = pushback !== undefined && !(pushback >= 0);
    if (refused || attempts >= MAX_ATTEMPTS || this.#tokens <= MAX_TOKENS / 2) {
      return undefined;
    }
    return pushback ?? error.retryAfterMilliseconds ?? backoffMilliseconds(attempts);
  }
}

/** How long to wait after so many attempts, 1 or more. */
export function backoffMilliseconds(attempts: number): number {
  const backoff = INITIAL_BACKOFF_MILLISECONDS * BACKOFF_MULTIPLIER ** (attempts - 1);
  return Math.min(backoff, MAX_BACKOFF_MILLISECONDS) * (0.8 + 0.4 * Math.random());
}

/**
 * Whether a call failed because no service took it: there was no connection, it broke, a proxy had no service behind it,
 * or the process that was asked is shutting down. gRPC's servers cancel what they have not begun then.
 */
export function isUnanswered(error: UptakeError): boolean {
  if (error.code !== Code.Unavailable && error.code !== Code.Canceled) {
    return false;
  }
  return error.reason === "SHUTTING_DOWN" || (error.reason === "" && pushbackMilliseconds(error) === undefined);
}

/** What the service asks for: negative, or not a number, means no retry; undefined if it does not ask. */
export function pushbackMilliseconds(error: UptakeError): number | undefined {
  const text = error.cause instanceof ConnectError ? error.cause.metadata.get(PUSHBACK_HEADER) : null;
  return text === null ? undefined : Number.parseInt(text, 10);
}
