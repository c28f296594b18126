/** The service as a process of its own, as people run it, on its embedded database in a temporary folder. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { eventually } from "./waiting.js";

const COMMAND = fileURLToPath(new URL("../../../.venv/bin/uptake", import.meta.url));
const START_MILLISECONDS = 60_000;

export class Service {
  readonly #dataDir: string;
  #process: ChildProcess | undefined;
  #port = 0;

  private constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Runs `uptake serve` in a new folder; resolves when it listens. */
  static async start(): Promise<Service> {
    const service = new Service(await mkdtemp(join(tmpdir(), "uptake-typescript-")));
    try {
      await service.start();
    } catch (error) {
      await service.stop();
      throw error;
    }
    return service;
  }

  get address(): string {
    return `localhost:${this.#port}`;
  }

  /** Starts it (again), on the same port and the same data. */
  async start(): Promise<void> {
    const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith("UPTAKE_"));
    const settings = { UPTAKE_PORT: String(this.#port), UPTAKE_DATA_DIR: this.#dataDir };
    const child = spawn(COMMAND, ["serve"], {
      env: { ...Object.fromEntries(inherited), ...settings },
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#process = child;
    // Also when a test ends this process.
    process.once("exit", () => child.kill("SIGKILL"));
    const log: string[] = [];
    const listens = new Promise<void>((resolve, reject) => {
      const lines = createInterface(child.stderr);
      lines.on("line", (line) => {
        log.push(line);
        const port = /listening on \S+:(\d+)/.exec(line)?.[1];
        if (port !== undefined) {
          this.#port = Number(port);
          resolve();
        }
      });
      lines.on("close", () => reject(new Error(`the service does not listen:\n${log.join("\n")}`)));
      child.on("error", reject);
    });
    const timer = setTimeout(() => child.kill("SIGKILL"), START_MILLISECONDS);
    await listens.finally(() => clearTimeout(timer));
  }

  /** Ends it with SIGKILL. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Ends it, waits until its database is gone too, and removes its data. */
  async stop(): Promise<void> {
    const database = await this.#databasePid();
    await this.#end("SIGTERM");
    await eventually(() => !runs(database), "the end of the database");
    await rm(this.#dataDir, { recursive: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
    }
  }

  async #databasePid(): Promise<number | undefined> {
    try {
      return JSON.parse(await readFile(join(this.#dataDir, "database.json"), "utf8")).pid;
    } catch {
      return undefined;
    }
  }
}

function runs(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}
