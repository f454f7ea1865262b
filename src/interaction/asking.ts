// What is wrong with a form, as its page says it, and how that page is answered: once for all steps.
import { AppError } from '../platform/errors.js';
import type { PageOptions } from '../platform/page.js';

export interface Problem {
  code: string;
  /** Until it may be tried again. */
  seconds?: number;
  /** 422 where nothing else is said. */
  status?: number;
}

/** @returns how a page is answered, with what is wrong or without. */
export function answerOf(error: Problem | undefined): Pick<PageOptions, 'status' | 'retryAfter'> {
  const status = error ? (error.status ?? 422) : 200;
  return { status, retryAfter: status === 429 || status === 503 ? error?.seconds : undefined };
}

/** Too often, or no room to hash: every page has words for that. @throws error where it is anything else. */
export function refusalOf(error: unknown): Problem {
  const { status = 500, details } = error instanceof AppError ? error : {};
  if (status !== 429 && status !== 503) throw error;
  return { code: status === 429 ? 'too_many_requests' : 'busy', seconds: details?.retryAfter ?? 0, status };
}

/** More than anybody waits: views/partials/summary.eta goes by the same. */
const A_YEAR = 366 * 24 * 3600;

/** No code is looked at, for a while or until it is opened again. @param canLose the page leads to whoever has lost what codes come from. */
export function pausedFor(seconds: number, canLose = false): Problem {
  if (seconds < A_YEAR) return { code: 'locked', seconds };
  return { code: canLose ? 'codes_ended_lost' : 'codes_ended' };
}

/** @returns what the page says where too many letters were asked for. */
export async function limited(work: Promise<unknown>): Promise<Problem | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError) || error.status !== 429) throw error;
    return refusalOf(error);
  }
}
