// Liveness and readiness, on any host: balancers know an address, not an issuer. Liveness asks nobody; readiness asks what requests need.
import type { Middleware } from 'koa';
import type { Services } from './services.js';

const patienceMs = 2_000;

export function healthRoutes({ db, redis, config }: Pick<Services, 'db' | 'redis' | 'config'>): {
  middleware: Middleware;
  drain(): void;
} {
  let draining = false;
  const started = Date.now();

  const checks = async () => {
    const database = await within(patienceMs, db.pool.query('SELECT 1'));
    return {
      database: database ? 'ok' : 'unreachable',
      ...(config.redisUrl ? { redis: redis?.isUp() ? 'ok' : 'unreachable' } : {}),
    };
  };

  return {
    drain: () => {
      draining = true;
    },
    middleware: async (ctx, next) => {
      if (ctx.path === '/healthz') {
        ctx.state.route = '/healthz';
        ctx.set('Cache-Control', 'no-store');
        ctx.body = { status: 'ok', uptime_seconds: Math.floor((Date.now() - started) / 1000) };
      } else if (ctx.path === '/readyz') {
        ctx.state.route = '/readyz';
        ctx.set('Cache-Control', 'no-store');
        const found = draining ? { server: 'stopping' } : await checks();
        // Limits fall back to memory without Redis, so its absence is told and does not take the server out.
        const ready = !draining && (found as { database?: string }).database === 'ok';
        ctx.status = ready ? 200 : 503;
        ctx.body = { status: ready ? 'ready' : 'not_ready', checks: found };
      } else await next();
    },
  };
}

async function within(ms: number, work: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([
      work.then(
        () => true,
        () => false,
      ),
      timeout,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
