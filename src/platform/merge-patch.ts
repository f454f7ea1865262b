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
