// Requests made from the schemas of the OpenAPI document: as they ask for, and spoiled.
import fc from 'fast-check';
import type { Described, Schema } from './described.js';

/** Stands for something that exists, until it is known what does: `pool:user_id:7`. */
const standIn = /^pool:([a-z_]+):(\d+)$/;

/** What members of bodies name, by the parameter of the path that names the same. */
const aliases: Record<string, string> = {
  owner_id: 'user_id',
  parent_id: 'organization',
  role_ids: 'role_id',
  subject_clients: 'client_id',
  clients: 'client_id',
};
const named = new Set(['user_id', 'client_id', 'connection_id', 'team_id', 'role_id', 'template_id', 'organization']);

const absent = Symbol('absent');
const deepest = 5;

export class Generator {
  constructor(private readonly described: Described) {}

  /** A value that the schema allows, as far as it says so. */
  value(schema: Schema, name = '', depth = 0): fc.Arbitrary<unknown> {
    const known = aliases[name] ?? name;
    const own = this.byKeyword(schema, name, depth);
    if (!named.has(known) || schema.type === 'array') return own;
    return fc.oneof(
      { weight: 1, arbitrary: own },
      { weight: 3, arbitrary: fc.nat(99).map((n) => `pool:${known}:${n}`) },
    );
  }

  private byKeyword(schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
    if (typeof schema.$ref === 'string') return this.value(this.described.at<Schema>(schema.$ref), name, depth + 1);
    if ('const' in schema) return fc.constant(schema.const);
    if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
    const choices = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined;
    if (choices) return fc.oneof(...choices.map((one) => this.value(one, name, depth)));
    if (Array.isArray(schema.type))
      return fc.oneof(...schema.type.map((type) => this.byKeyword({ ...schema, type }, name, depth)));
    switch (schema.type) {
      case 'object':
        return this.object(schema, depth);
      case 'array':
        return this.array(schema, name, depth);
      case 'string':
        return text(schema);
      case 'integer':
        return fc.integer(range(schema));
      case 'number':
        return fc.double({ ...range(schema), noNaN: true });
      case 'boolean':
        return fc.boolean();
      case 'null':
        return fc.constant(null);
      default:
        return fc.jsonValue({ maxDepth: 2 });
    }
  }

  private object(schema: Schema, depth: number): fc.Arbitrary<object> {
    const { properties = {}, required = [], additionalProperties, propertyNames } = schema as ObjectSchema;
    const names = Object.keys(properties).filter((name) => required.includes(name) || depth < deepest);
    const members = names.map((name) => {
      const value = this.value(properties[name] ?? {}, name, depth + 1);
      return required.includes(name) ? value : sometimes(value, depth);
    });
    const listed = fc
      .tuple(...members)
      .map((values) =>
        Object.fromEntries(values.map((value, n) => [names[n], value]).filter(([, one]) => one !== absent)),
      );
    if (typeof additionalProperties !== 'object' || depth >= deepest) return listed;
    const keys = (propertyNames ? this.value(propertyNames) : word) as fc.Arbitrary<string>;
    const others = fc.dictionary(
      keys.filter((key) => key !== '__proto__'),
      this.value(additionalProperties, '', depth + 1),
      { maxKeys: 3, noNullPrototype: true },
    );
    return fc.tuple(listed, others).map(([one, other]) => ({ ...other, ...one }));
  }

  private array(schema: Schema, name: string, depth: number): fc.Arbitrary<unknown[]> {
    const { items = {}, minItems = 0, maxItems = 3, uniqueItems } = schema as ArraySchema;
    const lengths = { minLength: minItems, maxLength: Math.min(maxItems, Math.max(3, minItems)) };
    const item = this.value(items, name, depth + 1);
    if (depth >= deepest && minItems === 0) return fc.constant([]);
    return uniqueItems
      ? fc.uniqueArray(item, { ...lengths, selector: (one) => JSON.stringify(one) })
      : fc.array(item, lengths);
  }
}

interface ObjectSchema {
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  propertyNames?: Schema;
}

interface ArraySchema {
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
}

/** With what exists where something was to stand for it. */
export function settled(value: unknown, pool: (name: string, n: number) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => settled(one, pool));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, settled(one, pool)]));
  const [, name, n] = typeof value === 'string' ? (standIn.exec(value) ?? []) : [];
  return name ? pool(name, Number(n)) : value;
}

const word = fc.stringMatching(/^[a-z]{1,12}$/);

/** Any text that JSON can hold, controls, other directions and half-known planes included. */
export const anyText = fc.string({ unit: 'binary', maxLength: 40 });

const sometimes = (value: fc.Arbitrary<unknown>, depth: number) =>
  fc.oneof({ weight: 2 + depth, arbitrary: fc.constant(absent) }, { weight: 2, arbitrary: value });

function range({ minimum, maximum }: { minimum?: number; maximum?: number }): { min?: number; max?: number } {
  return { min: minimum ?? -1_000_000, max: maximum ?? Math.max(1_000_000, minimum ?? 0) };
}

function text(schema: Schema): fc.Arbitrary<string> {
  const { pattern, format, minLength = 0, maxLength = 60 } = schema as TextSchema;
  if (format === 'uri') return word.map((one) => `https://${one}.example/${one}`);
  if (format === 'email') return fc.uuid().map((one) => `${one.slice(0, 13)}@example.com`);
  if (format === 'uuid') return fc.uuid({ version: [4, 7] });
  if (format === 'date') return day.map((one) => one.toISOString().slice(0, 10));
  if (format === 'date-time') return day.map((one) => one.toISOString());
  const fits = (one: string) => [...one].length >= minLength && one.length <= maxLength;
  if (pattern) return fc.stringMatching(new RegExp(pattern, 'u'), { size: 'xsmall' }).filter(fits);
  const lengths = { minLength, maxLength: Math.min(maxLength, minLength + 30) };
  return fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: 'grapheme-ascii', ...lengths }) },
    { weight: 1, arbitrary: fc.string({ unit: 'grapheme', ...lengths }).filter(fits) },
  );
}

interface TextSchema {
  pattern?: string;
  format?: string;
  minLength?: number;
  maxLength?: number;
}

const day = fc.date({
  min: new Date('1000-01-01T00:00:00Z'),
  max: new Date('9000-01-01T00:00:00Z'),
  noInvalidDate: true,
});

/** One place of a value, replaced, taken away, or with a member that nobody knows. */
export function spoiled(value: unknown, at: number, junk: unknown): unknown {
  const places: (string | number)[][] = [];
  const walk = (one: unknown, path: (string | number)[]) => {
    places.push(path);
    if (typeof one !== 'object' || one === null) return;
    for (const [name, inner] of Object.entries(one)) walk(inner, [...path, Array.isArray(one) ? Number(name) : name]);
  };
  walk(value, []);
  return replaced(value, places[at % places.length] ?? [], junk);
}

function replaced(value: unknown, [step, ...rest]: (string | number)[], junk: unknown): unknown {
  if (step === undefined)
    return junk === unknownMember && typeof value === 'object' && value !== null
      ? { ...value, urn_unknown: true }
      : junk;
  if (Array.isArray(value)) return value.map((one, n) => (n === step ? replaced(one, rest, junk) : one));
  const members = Object.entries(value as object).map(([name, one]) => [
    name,
    name === step ? replaced(one, rest, junk) : one,
  ]);
  return Object.fromEntries(members.filter(([, one]) => one !== undefined));
}

const unknownMember = 'urn:unknown-member';

export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    undefined,
    null,
    true,
    -1,
    0,
    1.5,
    1e308,
    2 ** 53,
    '',
    ' ',
    [],
    {},
    [[]],
    unknownMember,
    unknownMember,
  ),
  fc.constantFrom('\u0000', '\u202e', "'; DROP TABLE users --", '\ud83d\ude00', '%00', '../..', 'x'.repeat(5000)),
  fc.constantFrom('9999-12-31T23:59:59Z', '0000-01-01', 'https://[::1', 'javascript:alert(1)', '{{7*7}}', '-0', 'NaN'),
  anyText,
  fc.jsonValue({ maxDepth: 3 }),
);
