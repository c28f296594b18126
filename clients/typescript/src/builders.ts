/**
 * Feedback in one line: what the user said, then what it was about.
 *
 * Every builder checks what it is given, since JavaScript and JSON bring what no compiler saw, and throws a TypeError for
 * an option that there is not (with the one that was probably meant) or a value of the wrong type, and a RangeError for a
 * number that is not finite, an integer in `custom` of 2**53 and more, an invalid Date, a text that is not Unicode, or too
 * deep a `custom`. The message names the option, and the entry of a map or of `custom`. Lengths and scales are the
 * service's to check, as it can be set otherwise.
 */

import { create, fromJson, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import {
  type Check,
  chatMessages,
  json,
  moment,
  number,
  options,
  refuseUnexpected,
  text,
  textList,
  texts,
} from "./arguments.js";
import {
  CorrectionKind,
  CorrectionValueSchema,
  type Feedback,
  FeedbackSchema,
  FeedbackType,
  type InteractionSchema,
  RatingSchema,
} from "./gen/uptake/v1/feedback_pb.js";

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
  /** System prompt and earlier turns, oldest first. Up to 100. */
  history?: readonly { role: string; content: string }[] | undefined;
  /** The texts that were retrieved for the answer, best first. Up to 50. */
  contexts?: readonly string[] | undefined;
  /** The caller's id of the conversation. Up to 256 characters. */
  conversationId?: string | undefined;
  /** The id of the trace that made the answer. Up to 256 characters. */
  traceId?: string | undefined;
  /** The id of the span in that trace. Up to 256 characters. */
  spanId?: string | undefined;
  /** The variant of an experiment that the answer belongs to, such as "B". Up to 256 characters. */
  variant?: string | undefined;
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
  /** What is judged, such as "helpfulness"; empty is the answer as a whole. Up to 63 characters. */
  scoreName?: string | undefined;
}

export interface ThumbOptions extends About {
  /** Any JSON to keep with it. Integers below 2**53, as JavaScript's are; larger ones as text. */
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

export type CommentOptions = Omit<About, "comment">;

/** Each option of `About`: the field of the message that it becomes, and the check that it passes. */
type Fields<Field> = Partial<Record<keyof About, readonly [Field, Check<unknown>]>>;

const OF_INTERACTION = {
  query: ["query", text],
  response: ["response", text],
  model: ["model", text],
  versions: ["versions", texts],
  interactionCreateTime: ["createTime", moment],
  history: ["history", chatMessages],
  contexts: ["contexts", textList],
  conversationId: ["conversationId", text],
  traceId: ["traceId", text],
  spanId: ["spanId", text],
  variant: ["variant", text],
} as const satisfies Fields<keyof MessageInitShape<typeof InteractionSchema>>;

const OF_FEEDBACK = {
  comment: ["comment", text],
  userId: ["userId", text],
  source: ["source", text],
  labels: ["labels", texts],
  occurTime: ["occurTime", moment],
  scoreName: ["score", text],
} as const satisfies Fields<keyof MessageInitShape<typeof FeedbackSchema>>;

// What is in neither would be dropped in silence: this does not compile then.
const ABOUT: Record<keyof About, unknown> = { ...OF_INTERACTION, ...OF_FEEDBACK };

/**
 * The user liked the answer.
 *
 * @param interactionId - The caller's id of the answer, 1 to 256 characters.
 */
export function thumbsUp(interactionId: string, options: ThumbOptions = {}): Feedback {
  return thumb("thumbsUp", FeedbackType.THUMBS_UP, interactionId, options);
}

/**
 * The user disliked the answer.
 *
 * @param interactionId - The caller's id of the answer, 1 to 256 characters.
 */
export function thumbsDown(interactionId: string, options: ThumbOptions = {}): Feedback {
  return thumb("thumbsDown", FeedbackType.THUMBS_DOWN, interactionId, options);
}

/**
 * The user gave a score.
 *
 * @param interactionId - The caller's id of the answer, 1 to 256 characters.
 * @param score - The score, from `min` to `max`.
 */
export function rating(interactionId: string, score: number, options: RatingOptions = {}): Feedback {
  return feedback("rating", FeedbackType.RATING, interactionId, options, ["min", "max"], ({ min, max }) => ({
    case: "rating",
    value: create(RatingSchema, {
      score: number("score", score),
      ...(given(min) && { min: number("min", min) }),
      ...(given(max) && { max: number("max", max) }),
    }),
  }));
}

/**
 * The user said what would have been right.
 *
 * @param interactionId - The caller's id of the answer, 1 to 256 characters.
 * @param corrected - What would be right, up to 50,000 characters.
 */
export function correction(interactionId: string, corrected: string, options: CorrectionOptions = {}): Feedback {
  const own = ["original", "kind"] as const;
  return feedback("correction", FeedbackType.CORRECTION, interactionId, options, own, ({ original, kind }) => ({
    case: "correction",
    value: create(CorrectionValueSchema, {
      original: text("original", original ?? ""),
      corrected: text("corrected", corrected),
      ...(given(kind) && { kind: correctionKind("kind", kind) }),
    }),
  }));
}

/**
 * The user said something without a verdict: it counts in no rate and opens no review.
 *
 * @param interactionId - The caller's id of the answer, 1 to 256 characters.
 * @param words - What the user said, 1 to 10,000 characters.
 */
export function comment(interactionId: string, words: string, options: CommentOptions = {}): Feedback {
  const about: About = { ...options, comment: text("words", words) };
  if ("comment" in options) {
    throw new TypeError("comment takes the user's words as its second argument, not as the option comment");
  }
  return feedback("comment", FeedbackType.COMMENT, interactionId, about, [], () => ({ case: undefined }));
}

function thumb(builder: string, type: FeedbackType, interactionId: string, options: ThumbOptions): Feedback {
  return feedback(builder, type, interactionId, options, ["custom"], ({ custom }) =>
    custom === undefined
      ? { case: undefined }
      : { case: "custom", value: fromJson(ValueSchema, json("custom", custom)) },
  );
}

/** `own`: the options that the builder has beside those of `About`; `value` makes what the user said of them. */
function feedback<O extends About, K extends Exclude<keyof O, keyof About> & string>(
  builder: string,
  type: FeedbackType,
  interactionId: string,
  about: O,
  own: readonly K[],
  value: (own: Pick<O, K>) => Feedback["value"],
): Feedback {
  const named = options("options", about);
  refuseUnexpected(builder, named, [...own, ...Object.keys(ABOUT)]);
  return create(FeedbackSchema, {
    interaction: { id: text("interactionId", interactionId), ...checked(OF_INTERACTION, named) },
    type,
    value: value(about),
    ...checked(OF_FEEDBACK, named),
  });
}

/** The fields that the options in a table become. */
function checked(fields: Fields<string>, options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields)
      .filter(([name]) => given(options[name]))
      .map(([name, [field, check]]) => [field, check(name, options[name])] as const),
  );
}

/** Where JavaScript or JSON has no value, there is none; only as `custom` null is one. */
function given<T>(value: T): value is NonNullable<T> {
  return value !== undefined && value !== null;
}

function correctionKind(name: string, value: unknown): CorrectionKind {
  if (typeof value !== "number" || CorrectionKind[value] === undefined) {
    const allowed = Object.values(CorrectionKind).filter((each) => typeof each === "string");
    throw new TypeError(`${name} must be one of CorrectionKind.${allowed.join(", ")}, not ${value}`);
  }
  return value;
}
