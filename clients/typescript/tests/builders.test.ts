/** Builders refuse what they would lose or misread, also where no compiler looked. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { toJson } from "@bufbuild/protobuf";
import { ValueSchema } from "@bufbuild/protobuf/wkt";
import { correction, type Feedback, rating, thumbsDown, thumbsUp } from "uptake-client";

/** The builders as JavaScript sees them. */
type Loose = (...given: unknown[]) => Feedback;
const up = thumbsUp as Loose;
const down = thumbsDown as Loose;
const rate = rating as Loose;
const correct = correction as Loose;

const circle: unknown[] = [];
circle.push(circle);

const refused: [() => unknown, string, RegExp][] = [
  [() => down("a", { coment: "x" }), "TypeError", /^thumbsDown has no option coment; did you mean comment\?$/],
  [() => down("a", { user_id: "x" }), "TypeError", /did you mean userId\?/],
  [() => rate("a", 1, { mix: 1 }), "TypeError", /did you mean min\?/],
  [() => rate("a", 1, { custom: 1 }), "TypeError", /has no option custom/],
  [() => correct("a", "b", { orignal: "x" }), "TypeError", /did you mean original\?/],
  [() => up("a", { xyzzy: 1 }), "TypeError", /has no option xyzzy; there are custom, query, /],
  [() => up("a", "query"), "TypeError", /^options must be an object, not 'query' \(string\)$/],
  [() => up(5), "TypeError", /^interactionId must be text, not 5 \(number\)$/],
  [() => up("a", { query: 5 }), "TypeError", /^query must be text/],
  [() => up("a", { query: "\ud800" }), "RangeError", /^query is no Unicode text/],
  [() => up("a", { labels: { n: 5 } }), "TypeError", /^labels\["n"\] must be text, not 5 \(number\)$/],
  [() => up("a", { versions: { prompt: null } }), "TypeError", /^versions\["prompt"\] must be text, not null$/],
  [() => up("a", { labels: new Map([["a", "b"]]) }), "TypeError", /^labels must be an object with text as values/],
  [() => up("a", { occurTime: "yesterday" }), "TypeError", /^occurTime must be a Date, not 'yesterday'/],
  [() => up("a", { interactionCreateTime: new Date("x") }), "RangeError", /^interactionCreateTime is an invalid Date$/],
  [() => rate("a", "4"), "TypeError", /^score must be a number, not '4' \(string\)$/],
  [() => rate("a", 1, { min: Number.NaN, max: 5 }), "RangeError", /^min must be a finite number, not NaN$/],
  [() => correct("a"), "TypeError", /^corrected must be text, not undefined$/],
  [() => correct("a", "b", { kind: "KNOWLEDGE" }), "TypeError", /^kind must be one of CorrectionKind/],
  [() => up("a", { custom: { ids: [{ id: 2 ** 53 }] } }), "RangeError", /^custom\["ids"\]\[0\]\["id"\] is .* as text$/],
  [() => up("a", { custom: -9007199254740993n }), "RangeError", /^custom is -9007199254740993n .* send it as text$/],
  [() => up("a", { custom: [Number.POSITIVE_INFINITY] }), "RangeError", /^custom\[0\] must be a finite number/],
  [() => up("a", { custom: { at: new Date(0) } }), "TypeError", /^custom\["at"\] must be JSON: .*\(Date\)$/],
  [() => up("a", { custom: [new Set([1])] }), "TypeError", /^custom\[0\] must be JSON/],
  [() => up("a", { custom: { raw: new Uint8Array(1) } }), "TypeError", /^custom\["raw"\] must be JSON/],
  [() => up("a", { custom: [undefined] }), "TypeError", /^custom\[0\] must be JSON: .* not undefined$/],
  [() => up("a", { custom: circle }), "RangeError", /nested deeper than the 32 levels/],
];

for (const [build, name, message] of refused) {
  test(`${String(build).slice(6)} is refused`, () => {
    assert.throws(build, { name, message });
  });
}

test("what is JSON comes back as it was given, and what is undefined or null is not given", () => {
  const custom = { most: Number.MAX_SAFE_INTEGER, least: -1.5e300 / 2 ** 1000, list: [1, "x", null, true, {}, []] };
  const said = thumbsUp("a", { custom });
  assert.ok(said.value.case === "custom");
  assert.deepEqual(toJson(ValueSchema, said.value.value), custom);
  const bare = up("a", { custom: { gone: undefined }, query: undefined, comment: null, occurTime: null });
  assert.ok(bare.value.case === "custom");
  assert.deepEqual(toJson(ValueSchema, bare.value.value), {});
  assert.equal(bare.interaction?.query, "");
});
