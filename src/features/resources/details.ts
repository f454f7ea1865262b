// Authorization details (RFC 9396): for which resource they are, what of them is shown, and when some are no more than others.
import type { DetailsObject, DetailsSchema, DetailsType } from './details-type.schema.js';
import type { ResourceServer } from './resource.entity.js';

export interface Detail {
  readonly type: string;
  readonly locations?: readonly string[];
  readonly [member: string]: unknown;
}

/** A value with the titles of all that it is within, outermost first. */
export interface DetailLine {
  labels: string[];
  value: string | boolean;
}

/** How a resource describes details of this type, where it takes them and they are for it (§2.2 `locations`). */
export function detailsTypeOf(
  { identifier, authorizationDetailsTypes = [] }: Pick<ResourceServer, 'identifier' | 'authorizationDetailsTypes'>,
  { type, locations }: Detail,
): DetailsType | undefined {
  if (locations !== undefined && !locations.includes(identifier)) return undefined;
  return authorizationDetailsTypes.find((one) => one.type === type);
}

/** Every value there is, in the order of the type: what is not shown is not granted. */
export function linesOf({ schema }: DetailsType, detail: Detail): DetailLine[] {
  return linesOfObject(schema, detail, []);
}

function linesOfObject(
  schema: DetailsObject,
  value: Readonly<Record<string, unknown>>,
  labels: string[],
): DetailLine[] {
  return Object.entries(schema.properties)
    .filter(([name]) => Object.hasOwn(value, name) && value[name] !== undefined)
    .flatMap(([name, member]) => linesOfMember(member, value[name], [...labels, member.title ?? name]));
}

function linesOfMember(schema: DetailsSchema, value: unknown, labels: string[]): DetailLine[] {
  if (schema.type === 'object') {
    const lines = linesOfObject(schema, value as Record<string, unknown>, labels);
    return lines.length > 0 ? lines : [{ labels, value: '{}' }];
  }
  if (schema.type !== 'array') return [{ labels, value: typeof value === 'boolean' ? value : String(value) }];
  const items = value as unknown[];
  if (items.length === 0) return [{ labels, value: '[]' }];
  const isSimple = schema.items.type !== 'object' && schema.items.type !== 'array';
  return items.flatMap((item, index) =>
    linesOfMember(schema.items, item, isSimple ? labels : [...labels, String(index + 1)]),
  );
}

/** RFC 9396 §2.2: lists of what may be done, of which fewer are less. */
const lists = new Set(['locations', 'actions', 'datatypes', 'privileges']);

/** §6.1: the same, or with fewer entries in the lists that everybody reads alike. What any other member means, its resource alone knows. */
export function isWithin(asked: Detail, granted: Detail): boolean {
  const names = new Set([...Object.keys(asked), ...Object.keys(granted)]);
  return [...names].every((name) => {
    const [less, more] = [asked[name], granted[name]];
    if (lists.has(name) && Array.isArray(less) && Array.isArray(more))
      return less.length > 0 && less.every((entry) => more.some((other) => canonical(other) === canonical(entry)));
    return canonical(less) === canonical(more);
  });
}

/**
 * §6.1: one that was granted stands for one that is asked for, or one payment would become many.
 * @returns one that is left over; undefined where each has its own.
 */
export function beyond(asked: readonly Detail[], granted: readonly Detail[]): Detail | undefined {
  const within = asked.map((one) => [...granted.keys()].filter((index) => isWithin(one, granted[index] as Detail)));
  const takenBy = new Map<number, number>();
  /** Who has taken the only one that fits gives it up where another fits them (augmenting paths). */
  const place = (one: number, tried: Set<number>): boolean =>
    (within[one] ?? []).some((index) => {
      if (tried.has(index)) return false;
      tried.add(index);
      const holder = takenBy.get(index);
      if (holder !== undefined && !place(holder, tried)) return false;
      takenBy.set(index, one);
      return true;
    });
  return asked.find((_one, index) => !place(index, new Set()));
}

/** RFC 8259 §4: members of an object have no order. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  ) ?? '';
