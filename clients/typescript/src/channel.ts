/** How the client connects: what every Uptake client sets on its connection. */

import type { ClientSessionOptions, SecureClientSessionOptions } from "node:http2";
import type { ConnectionOptions } from "node:tls";
import { ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { pause } from "./backoff.js";

// The server answers lists of up to 64 MB.
const MAX_RECEIVE_BYTES = 64 * 1024 * 1024;
// A dead peer is noticed within a minute. The server allows a ping every 30 s, and none without a call.
const PING_INTERVAL_MILLISECONDS = 45_000;
const PING_TIMEOUT_MILLISECONDS = 10_000;

// An attempt to connect to which nobody answers lasts so long; the system's own would last minutes.
const CONNECT_ATTEMPT_MILLISECONDS = 5_000;
const NEITHER = "the connection was neither made nor refused";

/** One connection, opened by the first call and again after it broke. */
export interface Channel {
  readonly target: string;
  readonly calls: Transport;
  /**
   * Sees that there is a connection; makes one attempt if there is none.
   *
   * @param milliseconds - How long it may take.
   * @returns why there is none; undefined if there is.
   * @throws the signal's reason when it is aborted.
   */
  connect(milliseconds: number, signal: AbortSignal | undefined): Promise<string | undefined>;
  /** Closes it and ends the calls over it. */
  close(): void;
}

/**
 * Makes a channel; nothing is sent before the first call.
 *
 * @param target - "host:port".
 * @param apiKey - The key, sent with every call; undefined for a server without keys.
 * @param tls - How the server is trusted; false for plain text.
 * @throws TypeError if the target has another form.
 */
export function openChannel(target: string, apiKey: string | undefined, tls: boolean | ConnectionOptions): Channel {
  if (!/^[^/@]+:\d+$/.test(target)) {
    throw new TypeError(`target must be "host:port", not "${target}"`);
  }
  const baseUrl = `${tls === false ? "http" : "https"}://${target}`;
  const nodeOptions: ClientSessionOptions | SecureClientSessionOptions = typeof tls === "boolean" ? {} : tls;
  const sessionManager = new Http2SessionManager(
    baseUrl,
    { pingIntervalMs: PING_INTERVAL_MILLISECONDS, pingTimeoutMs: PING_TIMEOUT_MILLISECONDS },
    nodeOptions,
  );
  const interceptors = apiKey === undefined ? [] : [authorization(apiKey)];
  return {
    target,
    connect: (milliseconds, signal) => connect(sessionManager, milliseconds, signal),
    calls: createGrpcTransport({ baseUrl, sessionManager, interceptors, readMaxBytes: MAX_RECEIVE_BYTES }),
    close: () => sessionManager.abort(),
  };
}

async function connect(
  sessionManager: Http2SessionManager,
  milliseconds: number,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  const before = sessionManager.state();
  if (before === "open" || before === "idle" || before === "verifying") {
    return undefined;
  }
  const ended = new AbortController();
  const aborted = signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]);
  const late = pause(Math.min(milliseconds, CONNECT_ATTEMPT_MILLISECONDS), aborted).then(
    () => "late" as const,
    (reason: unknown) => {
      if (!ended.signal.aborted) {
        throw reason;
      }
    },
  );
  const state = await Promise.race([sessionManager.connect(), late]).finally(() => ended.abort());
  if (state === "late" && sessionManager.state() === "connecting") {
    sessionManager.abort();
    return NEITHER;
  }
  return state === "error" ? reasonOf(sessionManager.error()) : undefined;
}

/** Why connecting failed; there is no error where another call gave up the attempt that they shared. */
function reasonOf(error: unknown): string {
  const { rawMessage, cause } = ConnectError.from(error ?? NEITHER);
  // Node.js tells of several addresses that all failed by a code alone.
  return rawMessage || String((cause as { code?: unknown } | undefined)?.code ?? NEITHER);
}

function authorization(apiKey: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${apiKey}`);
    return next(request);
  };
}
