/** What is set for a project, and who changed what. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Client as Stub } from "@connectrpc/connect";
import {
  type AuditEvent,
  type ListAuditEventsResponse,
  type ListProjectsResponse,
  type Project,
  ProjectService,
  type ProjectSettingsSchema,
} from "./gen/uptake/v1/project_pb.js";
import { Listing, type ListOptions } from "./listing.js";
import {
  type CallOptions,
  type ConditionalOptions,
  present,
  requestIdOrNew,
  type Transport,
  timestamp,
} from "./transport.js";

export interface ListAuditEventsOptions extends ListOptions {
  /** Changes at this time or later; no bound when not given. */
  start?: Date | undefined;
  /** Changes before this time; no bound when not given. */
  end?: Date | undefined;
}

/** `client.projects`: ProjectService. Every method throws UptakeError. */
export class ProjectCalls {
  readonly #transport: Transport;
  readonly #stub: Stub<typeof ProjectService>;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#stub = createClient(ProjectService, transport.channel.calls);
  }

  /** Reads the client's project; one not seen before reads as the defaults. */
  async get(options: CallOptions = {}): Promise<Project> {
    const request = { project: this.#transport.project };
    const response = await this.#transport.call((attempt) => this.#stub.getProject(request, attempt), options);
    return present(response.project);
  }

  /**
   * Changes the project's settings.
   *
   * @param settings - The new values.
   * @param updateMask - What to take from them, in the contract's names, such as "review_policy.window_size" or
   *   "retention". One that is named and unset goes back to its default.
   * @throws UptakeError INVALID_ARGUMENT with `fieldViolations`, ABORTED (ETAG_MISMATCH).
   */
  async update(
    settings: MessageInitShape<typeof ProjectSettingsSchema>,
    updateMask: string[],
    options: ConditionalOptions = {},
  ): Promise<Project> {
    const request = {
      project: this.#transport.project,
      settings,
      updateMask: { paths: updateMask },
      etag: options.etag ?? "",
      requestId: requestIdOrNew(options.requestId),
    };
    const response = await this.#transport.call((attempt) => this.#stub.updateProject(request, attempt), options);
    return present(response.project);
  }

  /** Lists the projects that have feedback or settings, by id. */
  list(options: ListOptions = {}): Listing<ListProjectsResponse, Project> {
    const request = { pageSize: options.pageSize ?? 0 };
    return new Listing(
      (pageToken) =>
        this.#transport.call((attempt) => this.#stub.listProjects({ ...request, pageToken }, attempt), options),
      (page) => page.projects,
    );
  }

  /** Lists who changed what, newest first. */
  auditEvents(options: ListAuditEventsOptions = {}): Listing<ListAuditEventsResponse, AuditEvent> {
    const request = {
      project: this.#transport.project,
      startTime: timestamp("start", options.start),
      endTime: timestamp("end", options.end),
      pageSize: options.pageSize ?? 0,
    };
    return new Listing(
      (pageToken) =>
        this.#transport.call((attempt) => this.#stub.listAuditEvents({ ...request, pageToken }, attempt), options),
      (page) => page.auditEvents,
    );
  }
}
