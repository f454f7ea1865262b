// Authorization details (RFC 9396): whether they are what their type says, what of them is shown, and when some are no more than others.
import { z } from 'zod';
import { exactText } from '../../platform/text.js';
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

const compiled = new WeakMap<DetailsObject, z.ZodType>();

/** RFC 9396 §5: unknown members, wrong types and values, and missing members. @returns which member is wrong, undefined where none is. */
export function problemOf({ schema }: DetailsType, { type, locations, ...members }: Detail): string | undefined {
  if (locations !== undefined && !locationList.safeParse(locations).success) return 'locations';
  let validator = compiled.get(schema);
  if (!validator) {
    validator = validatorOf(schema);
    compiled.set(schema, validator);
  }
  const [issue] = validator.safeParse(members).error?.issues ?? [];
  if (!issue) return undefined;
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  return [...issue.path, ...unknown].map(String).join('.') || 'its members';
}

const locationList = z.array(z.string()).min(1).max(20);

function validatorOf(schema: DetailsSchema): z.ZodType {
  switch (schema.type) {
    case 'string': {
      const text = exactText(schema.maxLength ?? 1000).refine((value) => value.length >= (schema.minLength ?? 0));
      return schema.enum ? text.refine((value) => schema.enum?.includes(value)) : text;
    }
    case 'number':
    case 'integer': {
      const { minimum = -Infinity, maximum = Infinity } = schema;
      return (schema.type === 'integer' ? z.int() : z.number()).refine((value) => value >= minimum && value <= maximum);
    }
    case 'boolean':
      return z.boolean();
    case 'array': {
      const list = z
        .array(validatorOf(schema.items))
        .min(schema.minItems ?? 0)
        .max(schema.maxItems ?? 50);
      return schema.uniqueItems ? list.refine(allDiffer) : list;
    }
    case 'object': {
      const required = new Set(schema.required);
      return z.strictObject(
        Object.fromEntries(
          Object.entries(schema.properties).map(([name, member]) => {
            const validator = validatorOf(member);
            return [name, required.has(name) ? validator : validator.optional()];
          }),
        ),
      );
    }
  }
}

const allDiffer = (list: readonly unknown[]): boolean => new Set(list.map(canonical)).size === list.length;

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
    .filter(([name]) => value[name] !== undefined)
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

/** RFC 8259 §4: members of an object have no order. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  ) ?? '';
