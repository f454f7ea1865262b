// One JSON line per event on stdout, with the request and the tenant it belongs to.
// Handed off to: redact.ts decides what may be written down.
import winston from 'winston';
import { type Clock, systemClock } from './clock.js';
import { currentContext } from './context.js';
import { redact, redactText, setOwn } from './redact.js';

export type Level = 'error' | 'warn' | 'info' | 'debug';

/** Fields are an object of snake_case members, or the error itself. None of them throws. */
export type Logger = Record<Level, (message: string, fields?: object) => void>;

export interface LoggerSettings {
  /** The least severe level that is written. */
  level: Level;
  stream?: NodeJS.WritableStream;
  clock?: Clock;
}

export function createLogger({ level, stream = process.stdout, clock = systemClock }: LoggerSettings): Logger {
  // A reader that goes away (EPIPE) must not take the server with it.
  stream.on('error', () => {});
  const out = winston.createLogger({
    level,
    format: winston.format.printf(({ message }) => String(message)),
    transports: [new winston.transports.Stream({ stream, eol: '\n' })],
    exitOnError: false,
  });
  out.on('error', () => {});
  // What happens in one turn of the event loop is written at its end, at once: under load, many lines for the price of one. Whoever is killed
  // takes the lines of that turn along; a warning or an error is written before anything else happens.
  const pending: string[] = [];
  const flush = () => {
    unwritten.delete(flush);
    if (pending.length > 0) out.log({ level, message: pending.splice(0).join('\n') });
  };
  const writer = (severity: Level) => {
    const enabled = out.isLevelEnabled(severity);
    return (message: string, fields?: object) => {
      if (!enabled) return;
      pending.push(line(severity, message, fields, clock));
      if (severity === 'info' || severity === 'debug') later(flush);
      else flush();
    };
  };
  return { error: writer('error'), warn: writer('warn'), info: writer('info'), debug: writer('debug') };
}

const unwritten = new Set<() => void>();
process.on('exit', () => {
  for (const flush of unwritten) flush();
});

function later(flush: () => void): void {
  if (unwritten.size === 0)
    setImmediate(() => {
      for (const one of unwritten) one();
    });
  unwritten.add(flush);
}

function line(level: Level, message: string, fields: object | undefined, clock: Clock): string {
  const context = currentContext();
  const head = {
    time: timeOf(clock.now().getTime()),
    level,
    message: redactText(String(message)),
    // An id of our own making. What is undefined is not written.
    request_id: context?.requestId,
    tenant_id: context?.tenantId,
  };
  const clean = redact(fields instanceof Error ? { error: fields } : fields);
  const said = typeof clean === 'object' && clean !== null ? beside(head, clean) : {};
  const rest = JSON.stringify(said).slice(1);
  // In two pieces, because one object of both is made anew for each line.
  return visible(`${JSON.stringify(head).slice(0, -1)}${rest === '}' ? '' : ','}${rest}`);
}

let second = Number.NaN;
let upToSeconds = '';

/** RFC 3339 in milliseconds. The date is worked out once a second, which under load is thousands of lines. */
function timeOf(milliseconds: number): string {
  const fraction = ((milliseconds % 1000) + 1000) % 1000;
  if (milliseconds - fraction !== second) {
    second = milliseconds - fraction;
    upToSeconds = new Date(second).toISOString().slice(0, -4);
  }
  return `${upToSeconds}${String(fraction).padStart(3, '0')}Z`;
}

/** The head is ours: a field of the same name neither replaces it nor is lost. */
function beside(head: object, fields: object): object {
  const taken = Object.keys(fields).filter((name) => Object.hasOwn(head, name) && head[name as never] !== undefined);
  if (taken.length === 0) return fields;
  const renamed = {};
  for (const [name, value] of Object.entries(fields))
    setOwn(renamed, taken.includes(name) ? `field_${name}` : name, value);
  return renamed;
}

// JSON escapes C0 only. The others forge lines or reorder them on a terminal: DEL and C1, bidi, zero-width, line and paragraph separator.
const invisible = /[\u007f-\u009f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const visible = (json: string) =>
  json.replace(invisible, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
