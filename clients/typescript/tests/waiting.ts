/** Waiting for what is to come, and no longer than that. */

import { setTimeout as sleep } from "node:timers/promises";

/** Resolves when the condition holds; fails after 20 seconds. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() >= deadline) {
      throw new Error(`${what} did not come true in 20 s`);
    }
    await sleep(50);
  }
}

/** Everything that is iterated over. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) {
    list.push(item);
  }
  return list;
}

/** The first message that fits. */
export async function first<T>(items: AsyncIterable<T>, fits: (item: T) => boolean): Promise<T> {
  for await (const item of items) {
    if (fits(item)) {
      return item;
    }
  }
  throw new Error("it ended without such an item");
}
