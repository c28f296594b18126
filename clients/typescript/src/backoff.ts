/** How long to wait before trying again. */

import { setTimeout as sleep } from "node:timers/promises";

const INITIAL_MILLISECONDS = 200;
const MAX_MILLISECONDS = 10_000;

/**
 * Exponential back-off with full jitter: the clients of a restarted server do not return all at once.
 *
 * Each wait is drawn evenly from 0 to a bound that doubles from 0.2 to 10 seconds.
 * Source: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export class Backoff {
  #bound = INITIAL_MILLISECONDS;

  /** Starts over: it works again. */
  reset(): void {
    this.#bound = INITIAL_MILLISECONDS;
  }

  /**
   * Waits, no shorter than the service asked for.
   *
   * @throws the signal's reason when it is aborted.
   */
  async wait(atLeastMilliseconds = 0, signal?: AbortSignal): Promise<void> {
    const jittered = Math.random() * this.#bound;
    this.#bound = Math.min(this.#bound * 2, MAX_MILLISECONDS);
    await pause(atLeastMilliseconds + jittered, signal);
  }
}

/**
 * Waits.
 *
 * @throws the signal's reason when it is aborted.
 */
export async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
