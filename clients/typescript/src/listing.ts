/** All that a list method matches. */

import type { CallOptions } from "./transport.js";

/** What every list method takes. */
export interface ListOptions extends CallOptions {
  /** Items a page, up to 1,000; the service's default when not given. */
  pageSize?: number | undefined;
}

/** The response of any list method. */
export interface Page {
  readonly nextPageToken: string;
}

/**
 * Iterate over it with `for await`, or take it page by page.
 *
 * Nothing is sent before the first page is asked for. Each page is a call with its own deadline and throws
 * UptakeError.
 */
export class Listing<P extends Page, T> implements AsyncIterable<T> {
  readonly #fetch: (pageToken: string) => Promise<P>;
  readonly #items: (page: P) => T[];

  constructor(fetch: (pageToken: string) => Promise<P>, items: (page: P) => T[]) {
    this.#fetch = fetch;
    this.#items = items;
  }

  /**
   * Reads one page, as the response message with its `nextPageToken`.
   *
   * @param pageToken - `nextPageToken` of the page before; empty for the first.
   */
  page(pageToken = ""): Promise<P> {
    return this.#fetch(pageToken);
  }

  /** Iterates over the pages. */
  async *pages(): AsyncGenerator<P, void> {
    let pageToken = "";
    do {
      const page = await this.#fetch(pageToken);
      yield page;
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for await (const page of this.pages()) {
      yield* this.#items(page);
    }
  }
}
