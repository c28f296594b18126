/** The first examples of both READMEs run as they stand, and print something on their first run. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Service } from "./service.js";

const run = promisify(execFile);
/** Within the package, so that it finds itself by its name. */
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const ROOT = join(FOLDER, "..");
const OPTIONS = ["--module", "NodeNext", "--target", "ES2022", "--lib", "ES2023,ESNext.Disposable,DOM", "--strict"];

const EXAMPLES: [string, string, RegExp][] = [
  ["client", "README.md", /```ts\n(.*?)```/s],
  [
    "repository",
    "../../README.md",
    /^( {4}import \{ Client, thumbsDown \} from "uptake-client";\n.*?\n {4}\}\n)(?=\n\S)/ms,
  ],
];

let service: Service;
before(async () => {
  service = await Service.start();
});
after(() => service.stop());

for (const [name, file, pattern] of EXAMPLES) {
  test(`the example of the ${name} prints a review on a fresh service, and again`, async () => {
    const example = pattern.exec(await readFile(join(ROOT, file), "utf8"))?.[1] ?? "";
    assert.equal(example.split('"localhost:50051"').length, 2);
    const question = /query: "([^"]+)"/.exec(example)?.[1];
    const program = join(FOLDER, `example-of-${name}`);
    await writeFile(`${program}.ts`, example.replace("localhost:50051", service.address));
    await run(join(ROOT, "node_modules/.bin/tsc"), [
      "--ignoreConfig",
      "--skipLibCheck",
      ...OPTIONS,
      "--types",
      "",
      `${program}.ts`,
    ]);

    for (let time = 1; time <= 2; time++) {
      const { stdout, stderr } = await run("node", [`${program}.js`], { timeout: 60_000 });
      assert.equal(stderr, "");
      assert.ok(stdout.startsWith(`${question} -> `) && stdout.trim().length > `${question} -> `.length, stdout);
    }
  });
}
