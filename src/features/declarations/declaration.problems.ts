// Mistakes in a declarative file, all at once, each where an editor finds it.
import type { z } from 'zod';

/** From the root of the file: `['clients', 0, 'redirect_uris', 1]`. */
export type Path = readonly (string | number)[];

export interface Problem {
  /** Both count from 1. */
  line: number;
  column: number;
  /** `clients[0].redirect_uris[1]`; empty for the file as a whole. */
  path: string;
  message: string;
}

export class DeclarationError extends Error {
  constructor(
    readonly fileName: string,
    readonly problems: readonly Problem[],
  ) {
    super(problems.map((one) => `${fileName}:${one.line}:${one.column}: ${one.message}`).join('\n'));
    this.name = 'DeclarationError';
  }
}

/** A mistake whose place in the text is still to be found. */
export interface Finding {
  path: Path;
  message: string;
  /** An unknown member is pointed at by its name, everything else by its value. */
  at?: 'key';
}

export const written = (path: Path): string =>
  path.reduce<string>(
    (all, part) => (typeof part === 'number' ? `${all}[${part}]` : all === '' ? part : `${all}.${part}`),
    '',
  );

/** What zod found, in words for whoever wrote the file. @param known the members there are, for a guess at a typing error. */
export function findings(issue: z.core.$ZodIssue, value: unknown, known: readonly string[]): Finding[] {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], at: 'key', message: unknownKey(key, known) }));
  return [{ path, message: isMissing(value, path) ? 'is missing' : wording(issue) }];
}

function isMissing(value: unknown, path: Path): boolean {
  let at = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return true;
    at = (at as Record<string | number, unknown>)[part];
  }
  return false;
}

const kinds: Record<string, string> = {
  string: 'text (put it in quotes where YAML reads something else)',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function wording(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${kinds[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must ${amount(issue.origin, 'at least', issue.minimum)}`;
    case 'too_big':
      return `must ${amount(issue.origin, 'at most', issue.maximum)}`;
    case 'invalid_format':
      if (issue.format === 'url') return 'must be a URL';
      if (issue.format === 'email') return 'must be an e-mail address';
      return issue.message.startsWith('Invalid') ? 'has not the form this member needs' : issue.message;
    default:
      return issue.message;
  }
}

function amount(origin: string, bound: string, count: number | bigint): string {
  if (origin === 'string') return `have ${bound} ${count} characters`;
  return origin === 'array' ? `have ${bound} ${count} entries` : `be ${bound} ${count}`;
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = known.find((one) => one === `claims.${key}`) ?? known.find((one) => distance(one, key) <= 2);
  if (key === '<<') return 'merge keys (<<) are not supported; an alias may stand for a whole value';
  return near ? `unknown key; did you mean ${near}?` : 'unknown key';
}

/** Levenshtein's, given up early where the lengths alone are too far apart. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (const [j, other] of [...b].entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (letter === other ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 3;
}
