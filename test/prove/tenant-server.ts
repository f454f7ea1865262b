// One process of the server for `npm run prove -- tenants`: says what it holds and has used when it is asked.
import { loadConfig } from '../../config/index.js';
import { limits } from '../../config/protocol.js';
import { start } from '../../src/main.js';

const roomy = Object.fromEntries(
  Object.entries(limits).map(([name, { seconds }]) => [name, { points: 10_000_000, seconds }]),
);

const running = await start(loadConfig(), { limits: roomy });
process.send?.({ port: running.port });
process.on('message', () => {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  process.send?.({ rss, used: heapUsed + external, cpuMs: (user + system) / 1000 });
});
process.once('disconnect', () => process.exit(0));
