// What Postgres and its driver say, in the words of HTTP. Errors of SQL itself are bugs and stay unknown.
import { type AppError, conflict, unavailable } from './errors.js';

/** @returns 409 for a unique violation, 503 where trying again may help, undefined for everything else. */
export function databaseError(error: unknown): AppError | undefined {
  for (const cause of chain(error)) {
    if (cause.code === '23505') return conflict('conflict', 'Something with these values exists already');
    if (isPassing(cause)) return unavailable('temporarily_unavailable', 'Please try again in a moment', 1, error);
  }
  return undefined;
}

interface Failure {
  code?: unknown;
  message?: unknown;
}

/** SQLSTATE classes (PostgreSQL, Appendix A) that name a passing condition: connection, resources, operator intervention. */
const passingClasses = ['08', '53', '57'];
/** serialization_failure, deadlock_detected, lock_not_available; the embedded and the real server use the same codes. */
const passingStates = ['40001', '40P01', '55P03'];
const passingNetwork = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'EPIPE', 'ETIMEDOUT'];
/** pg and pg-pool give these no code, so their words are all there is to go by. */
const passingWords = [
  'timeout exceeded when trying to connect',
  'Connection terminated',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'Query read timeout',
  'timeout expired',
  // TypeORM, where the connection of a transaction was lost between two statements.
  'Query runner already released. Cannot run queries anymore.',
];

function isPassing({ code, message }: Failure): boolean {
  if (typeof code === 'string') {
    const state = code.length === 5 && /^[0-9]/.test(code);
    if (state) return passingStates.includes(code) || passingClasses.includes(code.slice(0, 2));
    return passingNetwork.includes(code);
  }
  return typeof message === 'string' && passingWords.includes(message);
}

/** The error, what TypeORM wrapped, what caused it, and the members of an AggregateError: at most twenty. */
function chain(error: unknown): Failure[] {
  const found: Failure[] = [];
  const waiting = [error];
  while (waiting.length > 0 && found.length < 20) {
    const next = waiting.shift();
    if (typeof next !== 'object' || next === null) continue;
    found.push(next);
    const { driverError, cause, errors } = next as { driverError?: unknown; cause?: unknown; errors?: unknown };
    waiting.push(driverError, cause, ...(Array.isArray(errors) ? errors : []));
  }
  return found;
}
