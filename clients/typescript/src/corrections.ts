/** Changes to knowledge and instructions, and reading both. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Client as Stub } from "@connectrpc/connect";
import {
  type ApplyCorrectionResult,
  type Correction,
  type CorrectionDraftSchema,
  type CorrectionFilterSchema,
  CorrectionService,
  type Instructions,
  type KnowledgeMatch,
  type ListCorrectionsResponse,
  type ListInstructionRevisionsResponse,
} from "./gen/uptake/v1/correction_pb.js";
import { Listing, type ListOptions } from "./listing.js";
import { type CallOptions, type ChangeOptions, present, requestIdOrNew, type Transport } from "./transport.js";

export interface ApplyOptions extends ChangeOptions {
  /** Only show what would change. */
  dryRun?: boolean | undefined;
}

export interface ListCorrectionsOptions extends ListOptions {
  /** Which; all when not given. */
  filter?: MessageInitShape<typeof CorrectionFilterSchema> | undefined;
}

export interface SearchKnowledgeOptions extends CallOptions {
  /** How many at most, up to 100; the service's default when not given. */
  limit?: number | undefined;
  /** Leave out entries below this cosine similarity, -1 to 1; 0 when not given. */
  minimumSimilarity?: number | undefined;
  /** Only entries whose key starts so. */
  keyPrefix?: string | undefined;
}

export interface InstructionsOptions extends CallOptions {
  /** Which revision; the newest when not given. */
  revision?: bigint | undefined;
  /** The revision that the caller has. */
  knownRevision?: bigint | undefined;
}

/** `client.corrections`: CorrectionService. Every method throws UptakeError. */
export class CorrectionCalls {
  readonly #transport: Transport;
  readonly #stub: Stub<typeof CorrectionService>;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#stub = createClient(CorrectionService, transport.channel.calls);
  }

  /**
   * Applies corrections, each whole or not at all. A call that failed on its way goes on where it stopped when it is
   * made again with the same request id.
   *
   * @param corrections - What to change, 1 to 100. With a `baseRevision` that is not the head the correction fails
   *   with ABORTED (BASE_REVISION_MISMATCH); 0 is the head of what does not exist.
   * @param reviewer - Who applies them, 1 to 256 characters.
   * @returns for each correction, in their order, `correction` or `error` (see `UptakeError.fromItem`).
   */
  async apply(
    corrections: MessageInitShape<typeof CorrectionDraftSchema>[],
    reviewer: string,
    options: ApplyOptions = {},
  ): Promise<ApplyCorrectionResult[]> {
    const request = {
      project: this.#transport.project,
      corrections,
      reviewer,
      dryRun: options.dryRun ?? false,
      requestId: requestIdOrNew(options.requestId),
    };
    const response = await this.#transport.call((attempt) => this.#stub.applyCorrections(request, attempt), options);
    return response.results;
  }

  /**
   * Reads one correction with its verdict.
   *
   * @throws UptakeError NOT_FOUND (CORRECTION_NOT_FOUND).
   */
  async get(id: string, options: CallOptions = {}): Promise<Correction> {
    const request = { project: this.#transport.project, id };
    const response = await this.#transport.call((attempt) => this.#stub.getCorrection(request, attempt), options);
    return present(response.correction);
  }

  /** Lists corrections, newest first. */
  list(options: ListCorrectionsOptions = {}): Listing<ListCorrectionsResponse, Correction> {
    const request = {
      project: this.#transport.project,
      filter: options.filter,
      pageSize: options.pageSize ?? 0,
    };
    return new Listing(
      (pageToken) =>
        this.#transport.call((attempt) => this.#stub.listCorrections({ ...request, pageToken }, attempt), options),
      (page) => page.corrections,
    );
  }

  /**
   * Undoes a correction that no later one covers.
   *
   * @param reviewer - Who reverts it, 1 to 256 characters.
   * @param note - Why, up to 10,000 characters.
   * @throws UptakeError FAILED_PRECONDITION (CORRECTION_SUPERSEDED, CORRECTION_REVERTED), NOT_FOUND.
   */
  async revert(id: string, reviewer: string, note = "", options: ChangeOptions = {}): Promise<Correction> {
    const request = {
      project: this.#transport.project,
      id,
      reviewer,
      note,
      requestId: requestIdOrNew(options.requestId),
    };
    const response = await this.#transport.call((attempt) => this.#stub.revertCorrection(request, attempt), options);
    return present(response.correction);
  }

  /**
   * Finds entries of the knowledge base by meaning, best first.
   *
   * @param query - What to look for, 1 to 10,000 characters.
   */
  async searchKnowledge(query: string, options: SearchKnowledgeOptions = {}): Promise<KnowledgeMatch[]> {
    const request = {
      project: this.#transport.project,
      query,
      limit: options.limit ?? 0,
      minimumSimilarity: options.minimumSimilarity ?? 0,
      keyPrefix: options.keyPrefix ?? "",
    };
    const response = await this.#transport.call((attempt) => this.#stub.searchKnowledge(request, attempt), options);
    return response.matches;
  }

  /**
   * Reads instructions by name, cheap to poll.
   *
   * @returns the instructions; undefined when they are those of `knownRevision`.
   * @throws UptakeError NOT_FOUND (INSTRUCTIONS_NOT_FOUND).
   */
  async instructions(name: string, options: InstructionsOptions = {}): Promise<Instructions | undefined> {
    const request = {
      project: this.#transport.project,
      name,
      revision: options.revision ?? 0n,
      knownRevision: options.knownRevision ?? 0n,
    };
    const response = await this.#transport.call((attempt) => this.#stub.getInstructions(request, attempt), options);
    return response.unchanged ? undefined : present(response.instructions);
  }

  /** Lists the revisions of instructions, newest first. */
  instructionRevisions(
    name: string,
    options: ListOptions = {},
  ): Listing<ListInstructionRevisionsResponse, Instructions> {
    const request = { project: this.#transport.project, name, pageSize: options.pageSize ?? 0 };
    return new Listing(
      (pageToken) =>
        this.#transport.call(
          (attempt) => this.#stub.listInstructionRevisions({ ...request, pageToken }, attempt),
          options,
        ),
      (page) => page.instructions,
    );
  }
}
