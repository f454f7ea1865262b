// Claims as JSON has them, as attributes: each a list of texts. What is inside an object has a name of its own, as `realm_access.roles`. Pure.
const mostNames = 200;
const mostValues = 1000;
const longestName = 512;
const longestValue = 4096;
const deepest = 3;

export type Attributes = Record<string, string[]>;

/** What does not fit is left out, rather than cut into something else. */
export function attributesOf(claims: Readonly<Record<string, unknown>>): Attributes {
  const found = new Map<string, string[]>();
  gather(claims, '', 1, found);
  return Object.fromEntries([...found].slice(0, mostNames));
}

/**
 * OpenID Connect Core §5.3: the ID token is signed, userinfo says more. An address and whether it is verified are one statement, both of the same
 * source: or somebody's address would be verified by a word about another.
 * @param statement the names of both.
 */
export function merged(
  idToken: Attributes,
  userinfo: Attributes,
  { email, verified }: { email: readonly string[]; verified: readonly string[] },
): Attributes {
  const saysAddress = email.some((name) => name in idToken);
  const silent = new Set([...email, ...verified]);
  const without = (all: Attributes) => Object.entries(all).filter(([name]) => !silent.has(name));
  const all = saysAddress
    ? [...without(userinfo), ...Object.entries(idToken)]
    : [...Object.entries(userinfo), ...without(idToken)];
  return Object.fromEntries([...new Map(all)].slice(0, mostNames));
}

function gather(claims: object, before: string, depth: number, found: Map<string, string[]>): void {
  for (const [key, value] of Object.entries(claims)) {
    const name = `${before}${key}`;
    if (name.length > longestName || key === '__proto__') continue;
    if (isRecord(value) && depth < deepest) gather(value, `${name}.`, depth + 1, found);
    const texts = [value].flat().flatMap(textOf).slice(0, mostValues);
    if (texts.length > 0) found.set(name, texts);
  }
}

function textOf(value: unknown): string[] {
  if (typeof value === 'number' || typeof value === 'boolean') return [JSON.stringify(value)];
  return typeof value === 'string' && value.length > 0 && value.length <= longestValue ? [value] : [];
}

const isRecord = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
