/** The one way in which tests wait: for what is to come, and no longer than that. */

import { setTimeout as sleep } from "node:timers/promises";

/** How long tests wait for what never comes. What does come is there long before, on a busy machine too. */
const PATIENCE_MILLISECONDS = 60_000;
const FIRST_LOOK_MILLISECONDS = 10;
const LONGEST_LOOK_MILLISECONDS = 100;

/** Resolves when the condition holds; fails when it does not in a minute, and says what did not come. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  let pause = FIRST_LOOK_MILLISECONDS;
  while (!(await inTime(Promise.resolve(condition()), `the look for ${what}`))) {
    if (performance.now() >= deadline) {
      throw new Error(`${what} did not come in ${PATIENCE_MILLISECONDS / 1000} s`);
    }
    await sleep(pause);
    pause = Math.min(pause * 1.5, LONGEST_LOOK_MILLISECONDS);
  }
}

/** What a promise comes to; fails when that does not come in a minute. */
export async function inTime<T>(promise: Promise<T>, what: string): Promise<T> {
  const over = new AbortController();
  const limit = sleep(PATIENCE_MILLISECONDS, undefined, { signal: over.signal }).then(() => {
    throw new Error(`${what} did not come in ${PATIENCE_MILLISECONDS / 1000} s`);
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    over.abort();
  }
}

/** Lets the time pass that a test is about, such as that of a service's absence: `why` says what it is. */
export async function letPass(milliseconds: number, why: string): Promise<void> {
  if (why === "") {
    throw new TypeError("what waits for a state has eventually() for it");
  }
  await sleep(milliseconds);
}

/** Everything that is iterated over. */
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) {
    list.push(item);
  }
  return list;
}

/** The first message that fits; fails when none comes in a minute. */
export function first<T>(items: AsyncIterable<T>, fits: (item: T) => boolean): Promise<T> {
  const found = async () => {
    for await (const item of items) {
      if (fits(item)) {
        return item;
      }
    }
    throw new Error("it ended without such an item");
  };
  return inTime(found(), `an item for which ${fits} holds`);
}
