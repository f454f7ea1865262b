// The load: so many users that each wait for their answer before they ask again, or requests that come when they come. Cheap enough not to be
// what is measured: its own share of a core is told with every result.
import { Pool } from 'undici';

export interface Shot {
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
}

export interface Reply {
  status: number;
  location: string;
  body: string;
}

export interface Measured {
  perSecond: number;
  /** Milliseconds. */
  p50: number;
  p95: number;
  p99: number;
  count: number;
  /** Share of one core that the generator itself took. */
  generator: number;
}

export class Gun {
  private readonly pool: Pool;

  constructor(port: number, connections: number) {
    this.pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1, headersTimeout: 30_000 });
  }

  /** @param keep whether anybody reads the body. */
  fire({ method, path, headers, body }: Shot, keep = false): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const reply: Reply = { status: 0, location: '', body: '' };
      this.pool.dispatch(
        { method, path, headers, ...(body === undefined ? {} : { body }) },
        {
          onRequestStart() {},
          onResponseStart(_controller, status, answered) {
            reply.status = status;
            reply.location = String(answered.location ?? '');
          },
          onResponseData(_controller, chunk) {
            if (keep) reply.body += chunk.toString('utf8');
          },
          onResponseEnd: () => resolve(reply),
          onResponseError: (_controller, error) => reject(error),
        },
      );
    });
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }
}

/** One round of one user. @throws Error where the answer is not the right one: nothing wrong is counted as fast. */
export type Round = (gun: Gun, user: number) => Promise<void>;

/** Each user begins a round when the last one is over. */
export async function closedLoop(port: number, users: number, seconds: number, round: Round): Promise<Measured> {
  const gun = new Gun(port, users);
  const stopwatch = new Stopwatch();
  const end = performance.now() + seconds * 1000;
  try {
    await Promise.all(
      Array.from({ length: users }, async (_, user) => {
        while (performance.now() < end) await stopwatch.time(() => round(gun, user));
      }),
    );
    return stopwatch.result();
  } finally {
    await gun.close();
  }
}

/** Rounds begin at random moments, so many a second, whether or not the earlier ones are over. */
export async function openLoop(port: number, perSecond: number, seconds: number, round: Round): Promise<Measured> {
  const gun = new Gun(port, 256);
  const stopwatch = new Stopwatch();
  const start = performance.now();
  const under: Promise<void>[] = [];
  try {
    for (
      let at = 0, user = 0;
      at < seconds * 1000;
      at += (-Math.log(1 - Math.random()) * 1000) / perSecond, user += 1
    ) {
      const wait = start + at - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      // Counted from when it should have begun: a generator that lags must not flatter the server.
      const one = stopwatch.time(() => round(gun, user), start + at);
      one.catch(() => {});
      under.push(one);
    }
    await Promise.all(under);
    return stopwatch.result();
  } finally {
    await gun.close();
  }
}

class Stopwatch {
  private readonly times: number[] = [];
  private readonly start = performance.now();
  private readonly cpu = process.cpuUsage();

  async time(work: () => Promise<void>, since = performance.now()): Promise<void> {
    await work();
    this.times.push(performance.now() - since);
  }

  result(): Measured {
    const seconds = (performance.now() - this.start) / 1000;
    const { user, system } = process.cpuUsage(this.cpu);
    const sorted = this.times.sort((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return {
      perSecond: sorted.length / seconds,
      p50: at(0.5),
      p95: at(0.95),
      p99: at(0.99),
      count: sorted.length,
      generator: (user + system) / 1e6 / seconds,
    };
  }
}
