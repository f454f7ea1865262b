// What went wrong, in a sentence for people and a code for scripts.
import { CommanderError } from 'commander';
import { z } from 'zod';
import { DeclarationError } from '../features/declarations/declaration.problems.js';
import { AppError } from '../platform/errors.js';
import { LockHeldError } from '../platform/lock-file.js';
import { CommandError, EXIT } from './terminal.js';

export interface Failure {
  exitCode: number;
  /** Empty where it has been said already. */
  sentence: string;
}

export function explain(error: unknown): Failure {
  // Commander has printed its own sentence by now; help and version end with 0.
  if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? EXIT.done : EXIT.usage, sentence: '' };
  if (error instanceof CommandError) return { exitCode: error.exitCode, sentence: error.message };
  if (error instanceof DeclarationError) return { exitCode: EXIT.failed, sentence: error.message };
  if (error instanceof z.ZodError) return { exitCode: EXIT.failed, sentence: z.prettifyError(error) };
  if (error instanceof AppError) return { exitCode: EXIT.failed, sentence: withIssues(error) };
  for (const one of chain(error)) {
    if (one instanceof LockHeldError)
      return { exitCode: EXIT.unreachable, sentence: error instanceof Error ? error.message : one.message };
    const sentence = unreachable(one);
    if (sentence) return { exitCode: EXIT.unreachable, sentence };
  }
  return { exitCode: EXIT.failed, sentence: error instanceof Error ? error.message : String(error) };
}

const withIssues = ({ message, details: { issues = [] } }: AppError): string =>
  [message, ...issues.map((issue) => `${issue.pointer.slice(1)} ${issue.message}`)].join(': ');

interface Cause {
  code?: unknown;
  address?: unknown;
  port?: unknown;
  hostname?: unknown;
  message?: unknown;
}

const NETWORK = ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT'];
const ADVICE = 'check DATABASE_URL, and that PostgreSQL is running and lets this user in';

/** What a node or SQLSTATE code (PostgreSQL, appendix A) says; `ostiary doctor` tells the rest. */
function unreachable({ code, address, port, hostname, message }: Cause): string | undefined {
  if (code === 'EADDRINUSE')
    return `Port ${port} on ${address} is in use by another program: stop it, or choose another with PORT, METRICS_PORT or DEMO_PORT`;
  if (typeof code === 'string' && NETWORK.includes(code)) {
    const where = address ? `${address}:${port}` : (hostname ?? '');
    return `The database cannot be reached (${[code, where].filter(Boolean).join(' ')}): ${ADVICE}`;
  }
  // Class 28: authorization; 3D000: no such database; class 57P: shutting down or starting.
  if (typeof code === 'string' && /^(28[0-9A-Z]{3}|3D000|57P0[1-3])$/.test(code))
    return `The database does not let us in (${message}): ${ADVICE}`;
  // pg and pg-pool give these no code.
  if (message === 'timeout exceeded when trying to connect' || message === 'Connection terminated unexpectedly')
    return `The database does not answer: ${ADVICE}`;
  return undefined;
}

/** The error, what it holds together (AggregateError) and what caused it. */
function* chain(error: unknown): Generator<Cause> {
  let at = error;
  for (let depth = 0; depth < 5 && typeof at === 'object' && at !== null; depth += 1) {
    if (at instanceof AggregateError) yield* at.errors as Cause[];
    yield at as Cause;
    at = (at as { cause?: unknown }).cause ?? (at as { driverError?: unknown }).driverError;
  }
}
