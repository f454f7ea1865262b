// What is said of one variable that the server reads. Which there are: variables.ts.
import type { z } from 'zod';

export interface Variable<T extends z.ZodType = z.ZodType> {
  rule: T;
  about: string;
  example: string;
  /** What applies when it is absent, in words; undefined means it has no default. */
  default?: string;
  secret?: boolean;
}
export const variable = <T extends z.ZodType>(definition: Variable<T>): Variable<T> => definition;
