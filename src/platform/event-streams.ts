// Server-sent events (HTML Living Standard §9.2): answers that go on for as long as somebody listens and may. So many and no more, and all of them
// end when the process does: whoever listens comes again, and says what they saw last.
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { tooMany } from './errors.js';

export interface StreamEvent {
  id: string;
  event: string;
  data: unknown;
}

/** Of one process. */
const MOST = { all: 100, tenant: 10 };

const lookMs = 5_000;
/** Proxies cut what says nothing for longer. */
const quietMs = 15_000;
/** Who reads nothing is not waited for. */
const patienceMs = 30_000;

export class EventStreams {
  private readonly open = new Map<AbortController, string>();
  private closed = false;

  /** @param tenantId whose. @param stop ends it, and makes room. @throws AppError 429 */
  enter(tenantId: string, stop: AbortController): void {
    const mine = [...this.open.values()].filter((one) => one === tenantId).length;
    if (this.closed || this.open.size >= MOST.all || mine >= MOST.tenant)
      throw tooMany('too_many_streams', 'Too many listen already; please come again a little later', 5);
    this.open.set(stop, tenantId);
    stop.signal.addEventListener('abort', () => this.open.delete(stop));
  }

  /** Everybody comes again, elsewhere. */
  close(): void {
    this.closed = true;
    for (const stop of this.open.keys()) stop.abort();
  }
}

/**
 * Returns when it has ended. What is thrown before anything was said is thrown here.
 * @param mayGoOn asked every few seconds; a failure is a no.
 */
export async function sendEvents(
  response: ServerResponse,
  events: AsyncIterable<StreamEvent>,
  stop: AbortController,
  mayGoOn: () => Promise<boolean>,
): Promise<void> {
  const { signal } = stop;
  response.once('close', () => stop.abort());
  // Whoever went before that is not told of any more: they would keep their place for as long as nothing happens.
  if (response.destroyed) stop.abort();
  // No proxy keeps it to itself until it is complete; no copy of it is kept anywhere.
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
  });
  response.write(':\n\n');
  const looking = setInterval(() => {
    mayGoOn().then(
      (may) => may || stop.abort(),
      () => stop.abort(),
    );
  }, lookMs);
  const speaking = setInterval(() => response.write(':\n\n'), quietMs);
  try {
    for await (const { id, event, data } of events) {
      if (signal.aborted) break;
      // A line feed would end the field: JSON has none.
      if (response.write(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) continue;
      await once(response, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) });
    }
  } catch (error) {
    if (!signal.aborted && !(error instanceof Error && error.name === 'AbortError')) throw error;
  } finally {
    clearInterval(looking);
    clearInterval(speaking);
    stop.abort();
    response.end();
  }
}
