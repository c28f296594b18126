/** The one error that the client throws for a call that failed. */

import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";
import { ErrorReason, type ItemError } from "./gen/uptake/v1/error_pb.js";

/** One wrong field of a request. */
export interface FieldViolation {
  /** Its path, as in the contract: "feedback.rating.score". */
  readonly field: string;
  /** What is wrong with it and what is allowed. */
  readonly description: string;
}

/** What an error has besides its code and message. */
export interface ErrorDetails {
  readonly reason?: string;
  readonly fieldViolations?: readonly FieldViolation[];
  readonly retryAfterMilliseconds?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** A call failed. */
export class UptakeError extends Error {
  override readonly name = "UptakeError";
  /** The gRPC status code. */
  readonly code: Code;
  /**
   * A name of the enum `ErrorReason`, such as "REVIEW_CLAIMED". Empty when the failure is not from the service
   * itself: no connection, a proxy, a deadline that passed on the way.
   */
  readonly reason: string;
  /** What is wrong and what to do, for people; `message` has the code and the fields with it. */
  readonly text: string;
  /** Every wrong field of an INVALID_ARGUMENT. */
  readonly fieldViolations: readonly FieldViolation[];
  /** How long the service asks callers to wait; undefined if it does not say. */
  readonly retryAfterMilliseconds: number | undefined;
  /**
   * What a program needs beside the reason, for example `{ reviewer: "ann", claim_expire_time:
   * "2026-11-28T05:00:00+00:00" }` for REVIEW_CLAIMED. The enum `ErrorReason` lists the keys of each reason.
   */
  readonly metadata: Readonly<Record<string, string>>;

  /** @param text - What is wrong and what to do, for people. */
  constructor(code: Code, text: string, details: ErrorDetails = {}) {
    super(described(code, text, details), "cause" in details ? { cause: details.cause } : {});
    this.code = code;
    this.text = text;
    this.reason = details.reason ?? "";
    this.fieldViolations = details.fieldViolations ?? [];
    this.retryAfterMilliseconds = details.retryAfterMilliseconds;
    this.metadata = { ...details.metadata };
  }

  /** Whether the same call, with the same request id, may be made again: UNAVAILABLE or overload. */
  get retryable(): boolean {
    return this.code === Code.Unavailable || this.code === Code.ResourceExhausted;
  }

  /** Reads a failed call's status and its details (`google.rpc.Status` in the trailers). */
  static fromCall(thrown: unknown): UptakeError {
    const error = ConnectError.from(thrown);
    const info = error.findDetails(ErrorInfoSchema)[0];
    const retry = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
    return new UptakeError(isBrokenConnection(error) ? Code.Unavailable : error.code, error.rawMessage, {
      reason: info?.reason ?? "",
      fieldViolations: error
        .findDetails(BadRequestSchema)
        .flatMap((bad) => bad.fieldViolations.map(({ field, description }) => ({ field, description }))),
      retryAfterMilliseconds: retry && durationMs(retry),
      metadata: info?.metadata ?? {},
      cause: error,
    });
  }

  /** The error of one item of a batch, to be thrown like that of a call. */
  static fromItem(error: ItemError): UptakeError {
    return new UptakeError(error.code in Code ? error.code : Code.Unknown, error.message, {
      // A newer service has reasons that this client does not know.
      reason: ErrorReason[error.reason] ?? String(error.reason),
      fieldViolations: error.fieldViolations.map(({ field, description }) => ({ field, description })),
      retryAfterMilliseconds: error.retryDelay && durationMs(error.retryDelay),
      metadata: error.metadata,
    });
  }
}

function described(code: Code, text: string, { reason, fieldViolations = [] }: ErrorDetails): string {
  // gRPC's names: "InvalidArgument" is INVALID_ARGUMENT.
  const status = Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
  const fields = fieldViolations.map(({ field, description }) => `\n  ${field}: ${description}`).join("");
  return `${reason ? `${status} (${reason})` : status}: ${text}${fields}`;
}

/**
 * Whether the connection broke before a status came. Connect tells that by many codes: CANCELED when the peer is
 * gone, ABORTED after a reset, INTERNAL when a host cannot be reached. gRPC calls all of it UNAVAILABLE.
 */
function isBrokenConnection(error: ConnectError): boolean {
  if (error.metadata.has("grpc-status")) {
    return false;
  }
  return error.code === Code.Canceled || error.code === Code.Aborted || isSystemError(error.cause);
}

/** Node.js gives the errors of its own a code that is a string, such as "EHOSTUNREACH". */
function isSystemError(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string";
}
