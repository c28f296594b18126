/** Feedback in one line: what the user said, then what it was about. */

import { create, fromJson, type JsonValue } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  type CorrectionKind,
  CorrectionValueSchema,
  type Feedback,
  FeedbackSchema,
  FeedbackType,
  RatingSchema,
} from "./gen/uptake/v1/feedback_pb.js";
import { timestamp } from "./transport.js";

/** What feedback is about and where it came from. */
export interface About {
  /** What the user asked. Feedback is grouped by it. Up to 10,000 characters. */
  query?: string | undefined;
  /** What the AI answered. Up to 50,000 characters. */
  response?: string | undefined;
  /** The model that answered. Up to 256 characters. */
  model?: string | undefined;
  /** Versions of what made the answer, such as { prompt: "14" }: they tell a fix from what was before it. */
  versions?: Record<string, string> | undefined;
  /** When the answer was given. */
  interactionCreateTime?: Date | undefined;
  /** The user's own words. Up to 10,000 characters. */
  comment?: string | undefined;
  /** The caller's id of the user, who has one vote on an interaction. Empty: anonymous. */
  userId?: string | undefined;
  /** Where the feedback came from, such as "web". Up to 256 characters. */
  source?: string | undefined;
  /** The caller's labels. Up to 64, keys 1 to 63 characters, values up to 256. */
  labels?: Record<string, string> | undefined;
  /** When the user said it; now when not given. */
  occurTime?: Date | undefined;
}

export interface ThumbOptions extends About {
  /** Any JSON to keep with it. */
  custom?: JsonValue | undefined;
}

export interface RatingOptions extends About {
  /** The worst score. Give it and `max` together; with neither the scale is 1 to 5. */
  min?: number | undefined;
  /** The best score. */
  max?: number | undefined;
}

export interface CorrectionOptions extends About {
  /** The part that is wrong; empty means the whole answer. */
  original?: string | undefined;
  /** What the correction is about; KNOWLEDGE when not given. */
  kind?: CorrectionKind | undefined;
}

/**
 * The user liked the answer.
 *
 * @param interactionId - The caller's id of the answer, 1 to 256 characters.
 */
export function thumbsUp(interactionId: string, options: ThumbOptions = {}): Feedback {
  return feedback(interactionId, FeedbackType.THUMBS_UP, customValue(options), options);
}

/**
 * The user disliked the answer.
 *
 * @param interactionId - The caller's id of the answer, 1 to 256 characters.
 */
export function thumbsDown(interactionId: string, options: ThumbOptions = {}): Feedback {
  return feedback(interactionId, FeedbackType.THUMBS_DOWN, customValue(options), options);
}

/**
 * The user gave a score.
 *
 * @param interactionId - The caller's id of the answer, 1 to 256 characters.
 * @param score - The score, from `min` to `max`.
 */
export function rating(interactionId: string, score: number, options: RatingOptions = {}): Feedback {
  const value = create(RatingSchema, { score });
  if (options.min !== undefined) {
    value.min = options.min;
  }
  if (options.max !== undefined) {
    value.max = options.max;
  }
  return feedback(interactionId, FeedbackType.RATING, { case: "rating", value }, options);
}

/**
 * The user said what would have been right.
 *
 * @param interactionId - The caller's id of the answer, 1 to 256 characters.
 * @param corrected - What would be right, up to 50,000 characters.
 */
export function correction(interactionId: string, corrected: string, options: CorrectionOptions = {}): Feedback {
  const value = create(CorrectionValueSchema, { original: options.original ?? "", corrected });
  if (options.kind !== undefined) {
    value.kind = options.kind;
  }
  return feedback(interactionId, FeedbackType.CORRECTION, { case: "correction", value }, options);
}

function customValue({ custom }: ThumbOptions): Feedback["value"] {
  return custom === undefined ? { case: undefined } : { case: "custom", value: fromJson(ValueSchema, custom) };
}

function feedback(interactionId: string, type: FeedbackType, value: Feedback["value"], about: About): Feedback {
  return create(FeedbackSchema, {
    interaction: {
      id: interactionId,
      query: about.query ?? "",
      response: about.response ?? "",
      model: about.model ?? "",
      versions: about.versions ?? {},
      createTime: timestamp(about.interactionCreateTime),
    },
    type,
    value,
    comment: about.comment ?? "",
    userId: about.userId ?? "",
    source: about.source ?? "",
    labels: about.labels ?? {},
    occurTime: timestamp(about.occurTime),
  });
}
