// One process of the server for tests that need several, or that kill one: reads its configuration from the environment as the real one does.
import { loadConfig } from '../../config/index.js';
import { limits } from '../../config/protocol.js';
import { start } from '../../src/main.js';

const roomy = Object.fromEntries(
  Object.entries(limits).map(([name, { seconds }]) => [name, { points: 100_000, seconds }]),
);
const hashing = { parameters: { timeCost: 1, memoryCost: 1024, parallelism: 1 }, processes: 1 };

// Where limits or hashing are what is looked at, they are those of production.
const real = (process.env.TEST_REAL ?? '').split(' ');
const running = await start(loadConfig(), {
  ...(real.includes('limits') ? {} : { limits: roomy }),
  ...(real.includes('hashing') ? {} : { hashing }),
});
process.send?.({ port: running.port });
process.once('SIGTERM', () => void running.close().then(() => process.exit(0)));
process.once('disconnect', () => process.exit(0));
