/** What is published works for those who install it. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("..", import.meta.url));

const PROGRAM = `
import { Client, FeedbackType, thumbsDown } from "uptake-client";
using client = new Client("localhost:1", { project: "shop" });
const said = thumbsDown("answer-1", { query: "Why?" });
console.log(FeedbackType[said.type], said.interaction?.query, client.issues.list().constructor.name);
`;

/** What the examples in README.md take for granted. */
const GIVEN = `
import { type Client, type Event, type Feedback, type Review, UptakeError } from "uptake-client";
declare const client: Client;
declare const feedback: Feedback;
declare const review: Review;
declare const signal: AbortSignal;
declare let saved: string;
declare function handle(event: Event): void;
`;

const CONFIG = {
  compilerOptions: {
    module: "NodeNext",
    target: "ES2022",
    lib: ["ES2023", "ESNext.Disposable", "DOM"],
    strict: true,
    skipLibCheck: true,
    types: [],
  },
};

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "uptake-package-"));
});
after(() => rm(folder, { recursive: true }));

test("the packed package installs and runs, and the examples of its README type-check", async () => {
  const packed = await run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], { cwd: ROOT });
  const [{ filename, files }] = JSON.parse(packed.stdout);
  const paths: string[] = files.map(({ path }: { path: string }) => path);
  for (const path of [
    "README.md",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/gen/uptake/v1/feedback_pb.js",
    "src/index.ts",
  ]) {
    assert.ok(paths.includes(path), `${path} is not in the package`);
  }
  assert.deepEqual(
    paths.filter((path) => !/^(README\.md|package\.json|(dist|src|LICENSES)\/)/.test(path)),
    [],
  );

  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await writeFile(join(folder, "tsconfig.json"), JSON.stringify(CONFIG));
  await writeFile(join(folder, "program.ts"), PROGRAM);
  for (const [number, example] of (await examples()).entries()) {
    await writeFile(join(folder, `example-${number}.ts`), example.includes("import {") ? example : GIVEN + example);
  }
  const options = ["--prefer-offline", "--no-audit", "--no-fund", "--omit=dev"];
  await run("npm", ["install", ...options, `./${filename}`], { cwd: folder });
  await run(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder]);
  const program = await run("node", ["program.js"], { cwd: folder });
  assert.equal(program.stdout, "THUMBS_DOWN Why? Listing\n");
});

async function examples(): Promise<string[]> {
  const readme = await readFile(join(ROOT, "README.md"), "utf8");
  const found = [...readme.matchAll(/```ts\n(.*?)```/gs)].map(([, code = ""]) => code);
  assert.equal(found.length, 4);
  return found;
}
