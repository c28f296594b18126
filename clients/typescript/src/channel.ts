/** How the client connects: what every Uptake client sets on its connection. */

import type { ClientSessionOptions, SecureClientSessionOptions } from "node:http2";
import type { ConnectionOptions } from "node:tls";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";

// The server answers lists of up to 64 MB.
const MAX_RECEIVE_BYTES = 64 * 1024 * 1024;
// A dead peer is noticed within a minute. The server allows a ping every 30 s, and none without a call.
const PING_INTERVAL_MILLISECONDS = 45_000;
const PING_TIMEOUT_MILLISECONDS = 10_000;

/** One connection, opened by the first call and again after it broke. */
export interface Channel {
  readonly calls: Transport;
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
    calls: createGrpcTransport({ baseUrl, sessionManager, interceptors, readMaxBytes: MAX_RECEIVE_BYTES }),
    close: () => sessionManager.abort(),
  };
}

function authorization(apiKey: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${apiKey}`);
    return next(request);
  };
}
