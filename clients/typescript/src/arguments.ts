/**
 * What callers give is checked where they give it, also where no compiler did: an error names the argument, what it was
 * and what it may be. The service cannot see these mistakes: by the time it reads a message a large integer is a
 * rounded double, and a misspelt name is not there at all.
 */

import { inspect } from "node:util";
import type { JsonValue } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";

/** Checks an argument called `name`, and converts it. */
export type Check<T> = (name: string, value: unknown) => T;

/** How deep the service lets a custom value be nested. */
const MAX_CUSTOM_DEPTH = 32;
const SHOWN = 60;
/** Names that differ in more than this share of their letters are not taken for each other. */
const MOST_DIFFERENT = 0.4;

/**
 * Refuses names that a function does not take.
 *
 * @throws TypeError with the name that was probably meant, or all there are.
 */
export function refuseUnexpected(name: string, given: object, allowed: readonly string[]): void {
  for (const key of Object.keys(given)) {
    if (!allowed.includes(key)) {
      const close = closest(key, allowed);
      const hint = close === undefined ? `there are ${allowed.join(", ")}` : `did you mean ${close}?`;
      throw new TypeError(`${name} has no option ${key}; ${hint}`);
    }
  }
}

/** @throws TypeError if it is no object. */
export function options(name: string, value: unknown): Record<string, unknown> {
  if (!isPlain(value)) {
    throw wrong(name, value, "an object");
  }
  return value;
}

/** @throws TypeError if it is no text, RangeError if it is not Unicode. */
export function text(name: string, value: unknown): string {
  if (typeof value !== "string") {
    throw wrong(name, value, "text");
  }
  const half = /\p{Surrogate}/u.exec(value);
  if (half !== null) {
    throw new RangeError(`${name} is no Unicode text: character ${half.index} is half of a surrogate pair`);
  }
  return value;
}

/** @throws TypeError if it is no object, or a value in it is no text; RangeError if a text in it is not Unicode. */
export function texts(name: string, value: unknown): Record<string, string> {
  if (!isPlain(value)) {
    throw wrong(name, value, "an object with text as values");
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const path = member(name, key);
      return [text(`the key of ${path}`, key), text(path, item)] as const;
    }),
  );
}

/** @throws TypeError if it is no array, or something in it is no text; RangeError if a text in it is not Unicode. */
export function textList(name: string, value: unknown): string[] {
  if (!Array.isArray(value)) {
    throw wrong(name, value, "an array of texts");
  }
  return Array.from(value, (item, place) => text(`${name}[${place}]`, item));
}

/**
 * Checks the messages of a conversation.
 *
 * @throws TypeError if it is no array of objects with the keys role and content and no others, RangeError if a text in
 *   it is not Unicode.
 */
export function chatMessages(name: string, value: unknown): { role: string; content: string }[] {
  if (!Array.isArray(value)) {
    throw wrong(name, value, 'an array of messages such as { role: "user", content: "Hello" }');
  }
  return Array.from(value, (item, place) => {
    const path = `${name}[${place}]`;
    if (!isPlain(item) || Object.keys(item).sort().join() !== "content,role") {
      throw wrong(path, item, "an object with the keys role and content and no others");
    }
    return { role: text(member(path, "role"), item.role), content: text(member(path, "content"), item.content) };
  });
}

/** @throws TypeError if it is no number, RangeError if it is not finite. */
export function number(name: string, value: unknown): number {
  if (typeof value !== "number") {
    throw wrong(name, value, "a number");
  }
  if (!Number.isFinite(value)) {
    throw new RangeError(`${name} must be a finite number, not ${value}`);
  }
  return value;
}

/** Converts a moment, to the millisecond. @throws TypeError if it is no Date, RangeError if it is an invalid one. */
export function moment(name: string, value: unknown): Timestamp {
  if (!(value instanceof Date)) {
    throw wrong(name, value, "a Date");
  }
  if (Number.isNaN(value.getTime())) {
    throw new RangeError(`${name} is an invalid Date`);
  }
  return timestampFromDate(value);
}

/**
 * Checks a JSON value that is to come back as it was sent.
 *
 * @param name - The argument, with the path of what is in it: `custom["ids"][3]`.
 * @param depth - How deep it is nested in the argument, from 1.
 * @returns it, without what is undefined in its objects, as JSON.stringify does.
 * @throws TypeError if it, or something in it, is no JSON.
 * @throws RangeError if an integer in it is larger than a number holds exactly, a number is not finite, a text is not
 *   Unicode, or it is nested too deeply.
 */
export function json(name: string, value: unknown, depth = 1): JsonValue {
  if (depth > MAX_CUSTOM_DEPTH) {
    throw new RangeError(`${name} is nested deeper than the ${MAX_CUSTOM_DEPTH} levels that the service keeps`);
  }
  if (value === null || typeof value === "boolean") {
    return value;
  }
  if (typeof value === "string") {
    return text(name, value);
  }
  if (typeof value === "bigint" || (Number.isInteger(value) && !Number.isSafeInteger(value))) {
    throw new RangeError(
      `${name} is ${shown(value)}: a bigint, or an integer of 2**53 and more, does not come back as it was sent; ` +
        "send it as text",
    );
  }
  if (typeof value === "number") {
    return number(name, value);
  }
  if (Array.isArray(value)) {
    return Array.from(value, (item, place) => json(`${name}[${place}]`, item, depth + 1));
  }
  if (isPlain(value)) {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(
      entries.map(([key, item]) => {
        const path = member(name, key);
        return [text(`the key of ${path}`, key), json(path, item, depth + 1)] as const;
      }),
    );
  }
  throw wrong(name, value, "JSON: null, a boolean, number or text, or an array or plain object of these");
}

/** The name that one was probably meant to be; undefined if it is like none. */
function closest(name: string, names: readonly string[]): string | undefined {
  const given = plain(name);
  let best: string | undefined;
  let least = MOST_DIFFERENT;
  for (const candidate of names) {
    const share = distance(given, plain(candidate)) / Math.max(given.length, candidate.length);
    if (share < least) {
      [best, least] = [candidate, share];
    }
  }
  return best;
}

/** user_id is userId in other languages. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll("_", "");
}

/**
 * How many letters have to be added, left out, replaced, or swapped with the next.
 *
 * Source: https://en.wikipedia.org/wiki/Damerau-Levenshtein_distance (optimal string alignment)
 */
function distance(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let column = 1; column <= other.length; column++) {
      const same = one[row - 1] === other[column - 1];
      let least = Math.min(at(last, column) + 1, at(next, column - 1) + 1, at(last, column - 1) + (same ? 0 : 1));
      if (row > 1 && column > 1 && one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1]) {
        least = Math.min(least, at(before, column - 2) + 1);
      }
      next.push(least);
    }
    [before, last] = [last, next];
  }
  return at(last, other.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] as number;
}

/** Whether it is an object as literals and JSON.parse make them, and no Map, Date or class of somebody's. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function member(name: string, key: string): string {
  return `${name}[${JSON.stringify(cut(key))}]`;
}

function wrong(name: string, value: unknown, allowed: string): TypeError {
  return new TypeError(`${name} must be ${allowed}, not ${shown(value)}`);
}

/** A value and what it is, on one line: "4" (string). */
function shown(value: unknown): string {
  if (value === null || value === undefined) {
    return String(value);
  }
  const type = typeof value === "object" ? (value.constructor?.name ?? "object") : typeof value;
  return `${cut(inspect(value, { depth: 1, breakLength: Number.POSITIVE_INFINITY }))} (${type})`;
}

function cut(text: string): string {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN)}...`;
}
