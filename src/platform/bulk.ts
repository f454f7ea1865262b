// Many in one request, each of them done or refused by itself: what is answered of each.
import { z } from 'zod';
import { AppError } from './errors.js';

const Refusal = z.object({ status: z.int(), code: z.string(), detail: z.string() });
export type Refusal = z.infer<typeof Refusal>;

/** @param row what is said of each, beside its place and how it went. */
export const bulkResultOf = <Row extends z.core.$ZodShape>(row: Row) =>
  z.object({
    succeeded: z.int(),
    failed: z.int(),
    results: z.array(
      z.object({
        index: z.int(),
        ...row,
        done: z.boolean(),
        error: Refusal.optional().meta({ description: 'As though it had been asked for by itself' }),
      }),
    ),
  });

/** @throws whatever is no rule, so that all of them are taken back. */
export function refusalOf(error: unknown): Refusal {
  if (!(error instanceof AppError) || error.status >= 500) throw error;
  const { status, code, message: detail } = error;
  return { status, code, detail };
}

export function counted<R extends { done: boolean }>(
  results: readonly R[],
): { succeeded: number; failed: number; results: R[] } {
  const succeeded = results.filter(({ done }) => done).length;
  return { succeeded, failed: results.length - succeeded, results: [...results] };
}
