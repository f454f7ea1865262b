// Errors that a caller is meant to see: a status, a stable code and a kind sentence. Everything else is a bug: logged, answered 500.
// Handed off to: api/ renders them as RFC 9457 problem+json, pages as views/errors, the engine as RFC 6749 §5.2.

export interface Issue {
  /** JSON pointer (RFC 6901) of the offending member. */
  pointer: string;
  message: string;
}

export class AppError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: {
      issues?: Issue[];
      retryAfter?: number;
      headers?: Record<string, string>;
      /** Extension members of the problem (RFC 9457 §3.2). */
      members?: Record<string, unknown>;
      cause?: unknown;
      /** Somebody has decided so: no fault that whoever watches the log has to hear of each time. */
      decided?: true;
    } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = 'AppError';
  }
}

export const invalid = (message: string, issues: Issue[] = []) =>
  new AppError(422, 'invalid_request', message, { issues });
export const badRequest = (code: string, message: string) => new AppError(400, code, message);
export const unauthorized = (
  code: string,
  message: string,
  headers?: Record<string, string>,
  members?: Record<string, unknown>,
) => new AppError(401, code, message, { ...(headers ? { headers } : {}), ...(members ? { members } : {}) });
export const forbidden = (code: string, message: string, headers?: Record<string, string>) =>
  new AppError(403, code, message, headers ? { headers } : {});
export const notFound = (noun: string) => new AppError(404, 'not_found', `There is no such ${noun}`);
export const conflict = (code: string, message: string) => new AppError(409, code, message);
export const preconditionFailed = (message: string) => new AppError(412, 'precondition_failed', message);
/** @param retryAfter seconds, becomes the Retry-After header (RFC 9110 §10.2.3). */
export const tooMany = (code: string, message: string, retryAfter: number) =>
  new AppError(429, code, message, { retryAfter });
/** @param retryAfter seconds, becomes the Retry-After header. */
export const unavailable = (code: string, message: string, retryAfter: number, cause?: unknown) =>
  new AppError(503, code, message, { retryAfter, cause });
