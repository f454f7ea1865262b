// Whether authorization details are what their type says (RFC 9396 §5). The schema is walked along with the value, since nothing may be made of what
// an administrator writes: it would be kept for all tenants.
import { isVisible } from '../../platform/text.js';
import { canonical, type Detail } from './details.js';
import type { DetailsObject, DetailsSchema, DetailsType } from './details-type.schema.js';

type Members = Readonly<Record<string, unknown>>;

/** Unknown members, wrong types and values, and missing members. @returns which member is wrong, undefined where none is. */
export function problemOf({ schema }: DetailsType, { type, locations, ...members }: Detail): string | undefined {
  if (locations !== undefined && !isLocations(locations)) return 'locations';
  const [path] = problemsOfObject(schema, members, []);
  return path?.join('.');
}

const isLocations = (list: unknown): boolean =>
  Array.isArray(list) && list.length > 0 && list.length <= 20 && list.every((one) => typeof one === 'string');

type Path = readonly (string | number)[];

/** The first one is enough: nobody walks on. */
function* problemsOfObject({ properties, required = [] }: DetailsObject, value: unknown, path: Path): Generator<Path> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return yield path;
  const held = new Map(Object.entries(value as Members).filter(([, member]) => member !== undefined));
  for (const name of required) if (!held.has(name)) yield [...path, name];
  for (const [name, member] of held) {
    const schema = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (schema) yield* problemsOf(schema, member, [...path, name]);
    else yield [...path, name];
  }
}

function* problemsOf(schema: DetailsSchema, value: unknown, path: Path): Generator<Path> {
  switch (schema.type) {
    case 'object':
      return yield* problemsOfObject(schema, value, path);
    case 'array': {
      const { items, minItems = 0, maxItems = 50, uniqueItems } = schema;
      if (!Array.isArray(value) || value.length < minItems || value.length > maxItems) return yield path;
      for (const [index, item] of value.entries()) yield* problemsOf(items, item, [...path, index]);
      if (uniqueItems && new Set(value.map(canonical)).size < value.length) yield path;
      return;
    }
    default:
      if (!isScalar(schema, value)) yield path;
  }
}

type Scalar = Exclude<DetailsSchema, { type: 'object' } | { type: 'array' }>;

function isScalar(schema: Scalar, value: unknown): boolean {
  switch (schema.type) {
    case 'string': {
      const { minLength = 1, maxLength = 1000 } = schema;
      if (typeof value !== 'string' || value.length < Math.max(1, minLength) || value.length > maxLength) return false;
      return isVisible(value) && (!schema.enum || schema.enum.includes(value));
    }
    case 'boolean':
      return typeof value === 'boolean';
    default: {
      const { type, minimum = -Infinity, maximum = Infinity } = schema;
      // RFC 7493 §2.2: what cannot be told from its neighbour is no integer.
      const is = type === 'integer' ? Number.isSafeInteger(value) : Number.isFinite(value);
      return is && Number(value) >= minimum && Number(value) <= maximum;
    }
  }
}
