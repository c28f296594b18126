/** The service as a process of its own, as people run it, on its embedded database in a temporary folder. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { eventually, inTime, letPass } from "./waiting.js";

const COMMAND = fileURLToPath(new URL("../../../.venv/bin/uptake", import.meta.url));
/** Ports that no system gives to anybody by itself, so that it is free again when the service is started again. */
const LEAST_PORT = 10_000;
const PORTS = 20_000;

export class Service {
  readonly #dataDir: string;
  #process: ChildProcess | undefined;
  readonly #port: number;

  private constructor(dataDir: string, port: number) {
    this.#dataDir = dataDir;
    this.#port = port;
  }

  /** Runs `uptake serve` in a new folder; resolves when it listens. */
  static async start(): Promise<Service> {
    const service = new Service(await mkdtemp(join(tmpdir(), "uptake-typescript-")), await freePort());
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
    const settings = {
      UPTAKE_PORT: String(this.#port),
      UPTAKE_DATA_DIR: this.#dataDir,
      // On a busy machine a database takes its time.
      UPTAKE_DATABASE_TIMEOUT_SECONDS: "60",
    };
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
        if (/listening on \S+:\d+/.test(line)) {
          resolve();
        }
      });
      lines.on("close", () => reject(new Error(`the service does not listen:\n${log.join("\n")}`)));
      child.on("error", reject);
    });
    try {
      await inTime(listens, "the service");
    } catch (error) {
      child.kill("SIGKILL");
      throw error;
    }
  }

  /** Ends it with SIGKILL. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Ends it with SIGTERM, lets nothing listen for so long, and starts it again. */
  async restart(absenceMilliseconds: number): Promise<void> {
    await this.#end("SIGTERM");
    await letPass(absenceMilliseconds, "nothing listens");
    await this.start();
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

/** A port that nobody listens on. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = LEAST_PORT + Math.floor(Math.random() * PORTS);
    const probe = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once("error", () => resolve(false));
      probe.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (isFree) {
      probe.close();
      await once(probe, "close");
      return port;
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
