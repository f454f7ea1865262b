// What somebody must hold to be let in: one word, any of several, or all of them. Of scopes and of roles. Pure.

export type Requirement = string | { anyOf: readonly string[] } | { allOf: readonly string[] };

/** A requirement of nothing is met by nobody: a list that was left empty opens no door. */
export function isMet(requirement: Requirement, held: ReadonlySet<string>): boolean {
  if (typeof requirement === 'string') return held.has(requirement);
  const words = wordsOf(requirement);
  if (words.length === 0) return false;
  return 'anyOf' in requirement ? words.some((word) => held.has(word)) : words.every((word) => held.has(word));
}

export function wordsOf(requirement: Requirement): readonly string[] {
  if (typeof requirement === 'string') return [requirement];
  return 'anyOf' in requirement ? requirement.anyOf : requirement.allOf;
}

/** Each a list of what suffices together. */
export const waysOf = (requirement: Requirement): readonly (readonly string[])[] =>
  typeof requirement === 'string' || 'allOf' in requirement
    ? [wordsOf(requirement)]
    : requirement.anyOf.map((word) => [word]);

/** As in a sentence: `a`, `a or b`, `a and b`. */
export const sentenceOf = (requirement: Requirement): string =>
  wordsOf(requirement).join(typeof requirement !== 'string' && 'anyOf' in requirement ? ' or ' : ' and ');
