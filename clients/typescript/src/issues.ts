/** What users complain of. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Client as Stub } from "@connectrpc/connect";
import {
  type GetIssueResponse,
  type Issue,
  type IssueFilterSchema,
  IssueService,
  IssueState,
  type ListIssuesResponse,
  type SplitIssueResponse,
} from "./gen/uptake/v1/issue_pb.js";
import { Listing, type ListOptions } from "./listing.js";
import {
  type CallOptions,
  type ConditionalOptions,
  present,
  requestIdOrNew,
  type Transport,
  timestamp,
} from "./transport.js";

export interface ListIssuesOptions extends ListOptions {
  /** Which; all but IGNORED when not given. */
  filter?: MessageInitShape<typeof IssueFilterSchema> | undefined;
  /** Start of the window that frequencies are of; 30 days before its end when not given. */
  start?: Date | undefined;
  /** End of that window; now when not given. */
  end?: Date | undefined;
}

/** How people change an issue. */
export interface IssueChangeOptions extends ConditionalOptions {
  /** Who changes it, up to 256 characters. */
  reviewer?: string | undefined;
}

export interface UpdateIssueOptions extends IssueChangeOptions {
  /** Its new title; left as it is when not given. */
  title?: string | undefined;
  /** RESOLVED, IGNORED or ONGOING; left as it is when not given. */
  state?: IssueState | undefined;
}

export interface SplitIssueOptions extends IssueChangeOptions {
  /** Title of the new issue; one from its members' words when not given. */
  title?: string | undefined;
}

/**
 * `client.issues`: IssueService. What people decide holds through later runs.
 *
 * Every method throws UptakeError; NOT_FOUND (ISSUE_NOT_FOUND) wherever an id is given.
 */
export class IssueCalls {
  readonly #transport: Transport;
  readonly #stub: Stub<typeof IssueService>;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#stub = createClient(IssueService, transport.channel.calls);
  }

  /** Lists issues, most frequent first. */
  list(options: ListIssuesOptions = {}): Listing<ListIssuesResponse, Issue> {
    const request = {
      project: this.#transport.project,
      filter: options.filter,
      startTime: timestamp("start", options.start),
      endTime: timestamp("end", options.end),
      pageSize: options.pageSize ?? 0,
    };
    return new Listing(
      (pageToken) =>
        this.#transport.call((attempt) => this.#stub.listIssues({ ...request, pageToken }, attempt), options),
      (page) => page.issues,
    );
  }

  /** Reads one issue, with its frequency by day over the last 30 days. */
  get(id: string, options: CallOptions = {}): Promise<GetIssueResponse> {
    const request = { project: this.#transport.project, id };
    return this.#transport.call((attempt) => this.#stub.getIssue(request, attempt), options);
  }

  /** Renames, resolves or ignores an issue. */
  async update(id: string, { title, state, ...options }: UpdateIssueOptions): Promise<Issue> {
    const paths = Object.entries({ title, state }).flatMap(([path, value]) => (value === undefined ? [] : [path]));
    const request = {
      ...this.#change(id, options),
      issue: { title: title ?? "", state: state ?? IssueState.UNSPECIFIED },
      updateMask: { paths },
    };
    const response = await this.#transport.call((attempt) => this.#stub.updateIssue(request, attempt), options);
    return present(response.issue);
  }

  /**
   * Makes several issues one.
   *
   * @param id - The issue that stays.
   * @param mergedIds - The issues that become part of it, 1 to 100.
   */
  async merge(id: string, mergedIds: string[], options: IssueChangeOptions = {}): Promise<Issue> {
    const request = { ...this.#change(id, options), mergedIds };
    const response = await this.#transport.call((attempt) => this.#stub.mergeIssues(request, attempt), options);
    return present(response.issue);
  }

  /**
   * Takes members out of an issue into one of their own.
   *
   * @param feedbackIds - The members that leave it, 1 to 1,000.
   * @returns the issue that was split, and the new one.
   */
  split(id: string, feedbackIds: string[], options: SplitIssueOptions = {}): Promise<SplitIssueResponse> {
    const request = { ...this.#change(id, options), feedbackIds, title: options.title ?? "" };
    return this.#transport.call((attempt) => this.#stub.splitIssue(request, attempt), options);
  }

  #change(id: string, { reviewer = "", etag = "", requestId }: IssueChangeOptions) {
    return { project: this.#transport.project, id, reviewer, etag, requestId: requestIdOrNew(requestId) };
  }
}
