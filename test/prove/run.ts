// npm run prove -- <what>: runs that are too long for npm test. Each writes a report to docs/reports.
import { proveAudit } from './audit.js';
import { proveFaults } from './faults.js';
import { proveMutations } from './mutations.js';
import { proveScale } from './scale.js';
import { proveTenants } from './tenants.js';

/** @returns true where it is proven. */
type Prove = (words: string[]) => Promise<boolean>;

const proofs: Readonly<Record<string, Prove>> = {
  audit: proveAudit,
  faults: proveFaults,
  mutations: proveMutations,
  scale: proveScale,
  tenants: proveTenants,
};

const [what = '', ...words] = process.argv.slice(2);
const prove = Object.hasOwn(proofs, what) ? proofs[what] : undefined;
if (!prove) {
  console.error(`npm run prove -- ${Object.keys(proofs).join(' | ')}`);
  process.exitCode = 2;
} else if (what !== 'faults' && (!process.env.TEST_DATABASE_URL || !process.env.TEST_REDIS_URL)) {
  console.error('TEST_DATABASE_URL and TEST_REDIS_URL must name a PostgreSQL and a Redis that may be filled');
  process.exitCode = 2;
} else {
  process.exitCode = (await prove(words)) ? 0 : 1;
}
