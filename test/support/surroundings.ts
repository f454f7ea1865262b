// What suites of one process have in common besides modules. A suite leaves it as it found it, so that the next one begins as in a process of its own.

export type Surroundings = ReadonlyMap<string, unknown>;

/** What Node.js gives; what libraries add is theirs. */
const given = Object.getOwnPropertyNames(globalThis);

export function surroundings(): Surroundings {
  return new Map<string, unknown>([
    ...Object.entries(process.env).map(([name, value]) => [`process.env.${name}`, value] as const),
    ...given.map((name) => [name, propertyOf(name)] as const),
    ['process.cwd()', process.cwd()],
  ]);
}

/** @returns the names of what is another now, and of new variables of the environment. */
export function leftBehind(before: Surroundings): string[] {
  const after = surroundings();
  const changed = [...before].filter(([name, value]) => value !== undefined && !Object.is(after.get(name), value));
  const added = [...after.keys()].filter((name) => name.startsWith('process.env.') && !before.has(name));
  return [...changed.map(([name]) => name), ...added];
}

/** Undefined for what is only made when somebody asks for it. */
const propertyOf = (name: string): unknown => Object.getOwnPropertyDescriptor(globalThis, name)?.value;
