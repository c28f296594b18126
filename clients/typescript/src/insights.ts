/** What the feedback means: numbers over a window, and all of it live. */

import type { MessageInitShape } from "@bufbuild/protobuf";
import { createClient, type Client as Stub } from "@connectrpc/connect";
import type { EventFilterSchema } from "./gen/uptake/v1/event_pb.js";
import {
  InsightService,
  type Insights,
  MetricGroup,
  MetricInterval,
  type MetricSeries,
  type SubscribeInsightsResponse,
} from "./gen/uptake/v1/insight_pb.js";
import { Subscription, type SubscriptionOptions } from "./subscription.js";
import { type CallOptions, duration, present, type Transport, timestamp } from "./transport.js";

/** A window of time. */
export interface WindowOptions extends CallOptions {
  /** Its start, rounded down to a full hour; 30 days before the end when not given. */
  start?: Date | undefined;
  /** Its end, rounded up to a full hour; now when not given. */
  end?: Date | undefined;
}

export interface InsightsOptions extends WindowOptions {
  /** Cluster the issues first; that can take a minute, so give it the time. */
  refreshIssues?: boolean | undefined;
}

export interface MetricsOptions extends WindowOptions {
  /** Width of the points; a day when not given. A series has up to 4,000. */
  interval?: MetricInterval | undefined;
  /** What to split by; one series when not given. All series have up to 20,000 points. */
  group?: MetricGroup | undefined;
  /** The score that is counted, empty for the overall one; those of the project's policy when not given. */
  score?: string | undefined;
}

export interface SubscribeOptions extends SubscriptionOptions {
  /** Which events; all when not given. */
  filter?: MessageInitShape<typeof EventFilterSchema> | undefined;
}

/** `client.insights`: InsightService. Every method throws UptakeError. */
export class InsightCalls {
  readonly #transport: Transport;
  readonly #stub: Stub<typeof InsightService>;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#stub = createClient(InsightService, transport.channel.calls);
  }

  /** Sums up a window of time. */
  async get(options: InsightsOptions = {}): Promise<Insights> {
    const request = {
      project: this.#transport.project,
      startTime: timestamp("start", options.start),
      endTime: timestamp("end", options.end),
      refreshIssues: options.refreshIssues ?? false,
    };
    const response = await this.#transport.call((attempt) => this.#stub.getInsights(request, attempt), options);
    return present(response.insights);
  }

  /** Reads time series, the one with most feedback first. */
  async metrics(options: MetricsOptions = {}): Promise<MetricSeries[]> {
    const request = {
      project: this.#transport.project,
      startTime: timestamp("start", options.start),
      endTime: timestamp("end", options.end),
      interval: options.interval ?? MetricInterval.UNSPECIFIED,
      group: options.group ?? MetricGroup.UNSPECIFIED,
      ...(options.score !== undefined && { score: options.score }),
    };
    const response = await this.#transport.call((attempt) => this.#stub.queryMetrics(request, attempt), options);
    return response.metricSeries;
  }

  /**
   * Follows what happens: a snapshot (none after a token), then metrics (the newest replaces the ones before) and
   * every event once.
   */
  subscribe(options: SubscribeOptions = {}): Subscription<SubscribeInsightsResponse> {
    const request = {
      project: this.#transport.project,
      filter: options.filter,
      checkpointInterval: duration(options.checkpointMilliseconds),
    };
    return new Subscription(
      this.#transport,
      (resumeToken, call) => this.#stub.subscribeInsights({ ...request, resumeToken }, call),
      options,
    );
  }
}
