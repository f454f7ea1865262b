// JSON Merge Patch (RFC 7396): a member that is null goes, one that is absent stays.
import { z } from 'zod';

/** The same members, each optional and nullable. Members must not have defaults: a default would overwrite what is stored. */
export const patchOf = <S extends z.ZodRawShape>(object: z.ZodObject<S>) =>
  z.strictObject(
    Object.fromEntries(
      Object.entries(object.shape).map(([name, type]) => [name, (type as z.ZodType).nullable().optional()]),
    ) as unknown as { [K in keyof S]: z.ZodOptional<z.ZodNullable<S[K]>> },
  );

/** One level deep: a nested member is replaced whole. */
export const applyPatch = (target: object, patch: object): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries({ ...target, ...patch }).filter(([, value]) => value !== null && value !== undefined),
  );

/** RFC 7396 §2, as deep as it goes. */
export function mergePatch(target: Members, patch: Members): Record<string, unknown> {
  const merged = new Map(Object.entries(target));
  for (const [name, value] of Object.entries(patch)) {
    const old = merged.get(name);
    if (value === null || value === undefined) merged.delete(name);
    else merged.set(name, isObject(value) ? mergePatch(isObject(old) ? old : {}, value) : value);
  }
  return Object.fromEntries(merged);
}

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The same members at every depth, each optional and nullable and without a default: for mergePatch(). What is in a list stays as it is. */
export function partialOf(schema: z.ZodType): z.ZodType<Record<string, unknown>> {
  return partial(schema) as z.ZodType<Record<string, unknown>>;
}

function partial(schema: z.ZodType): z.ZodType {
  const inner = unwrapped(schema);
  const description = schema.description ?? inner.description;
  const members = inner instanceof z.ZodObject ? Object.entries(inner.shape as Record<string, z.ZodType>) : undefined;
  const all = members?.map(([name, type]) => [name, partial(type).nullable().optional()] as const);
  const loose = all ? z.strictObject(Object.fromEntries(all)) : inner;
  return description ? loose.meta({ description }) : loose;
}

function unwrapped(schema: z.ZodType): z.ZodType {
  const wrapped =
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable;
  return wrapped ? unwrapped(schema.unwrap() as z.ZodType) : schema;
}
