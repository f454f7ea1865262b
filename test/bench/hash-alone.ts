// One process that only hashes: verifies the same password until the time is up, and says how often it did.
import { setPriority } from 'node:os';
import { performance } from 'node:perf_hooks';

const { library, parameters, seconds } = JSON.parse(process.argv[2] ?? '{}');
setPriority(0, 19);
process.env.UV_THREADPOOL_SIZE = '2';

interface Verifier {
  hash: () => Promise<string>;
  verify: (hash: string) => Promise<boolean> | boolean;
}

const password = Buffer.from('correct horse battery staple');
const verifier: Verifier =
  library === 'argon2'
    ? await import('argon2').then(({ default: argon2 }) => ({
        hash: async () => String(await argon2.hash(password, { ...parameters, type: argon2.argon2id })),
        verify: (hash: string) => argon2.verify(hash, password),
      }))
    : await import('@node-rs/argon2').then((argon2) => ({
        hash: () => argon2.hash(password, { ...parameters, algorithm: 2 }),
        verify: (hash: string) => argon2.verifySync(hash, password),
      }));

const hash = await verifier.hash();
await verifier.verify(hash);
const cpu = process.cpuUsage();
const start = performance.now();
let count = 0;
while (performance.now() - start < seconds * 1000) {
  if (!(await verifier.verify(hash))) throw new Error('not verified');
  count += 1;
}
const elapsed = (performance.now() - start) / 1000;
const { user, system } = process.cpuUsage(cpu);
process.stdout.write(JSON.stringify({ perSecond: count / elapsed, cpu: (user + system) / 1000 / count }));
