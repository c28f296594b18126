/** Client of Uptake, the feedback service behind an AI product. Messages and enums are the generated ones. */

export { Code } from "@connectrpc/connect";
export type { CollectManyOptions, FeedbackItem, FeedbackItems } from "./batches.js";
export {
  type About,
  type CommentOptions,
  type CorrectionOptions,
  comment,
  correction,
  type RatingOptions,
  rating,
  type ThumbOptions,
  thumbsDown,
  thumbsUp,
} from "./builders.js";
export { Claim, type LeaseOptions, type ResolveOptions } from "./claim.js";
export { Client, type ClientOptions } from "./client.js";
export type * from "./corrections.js";
export { type FieldViolation, UptakeError } from "./errors.js";
export type * from "./feedback.js";
export * from "./gen/uptake/v1/correction_pb.js";
export * from "./gen/uptake/v1/error_pb.js";
export * from "./gen/uptake/v1/event_pb.js";
export * from "./gen/uptake/v1/feedback_pb.js";
export * from "./gen/uptake/v1/insight_pb.js";
export * from "./gen/uptake/v1/issue_pb.js";
export * from "./gen/uptake/v1/project_pb.js";
export * from "./gen/uptake/v1/review_pb.js";
export * from "./gen/uptake/v1/stream_pb.js";
export type * from "./insights.js";
export type * from "./issues.js";
export { Listing, type ListOptions, type Page } from "./listing.js";
export type * from "./projects.js";
export type * from "./reviews.js";
export { Subscription, type SubscriptionOptions, type Update } from "./subscription.js";
export type { CallOptions, ChangeOptions, ConditionalOptions } from "./transport.js";
