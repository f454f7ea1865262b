// On what the suite runs that runs now: one process asks suites of several projects (jest.config.js).

import type { Kind } from './postgres.js';

export interface RunOn {
  testKind?: Kind;
  isBeside?: boolean;
}

/** Which database this run of the suite is on. */
export let defaultKind: Kind = 'embedded';

/** Whether the same suites run on PostgreSQL and Redis too: then what is the same there need not be looked at again. */
export let runsBesidePostgres = false;

export function runOn({ testKind = 'embedded', isBeside = false }: RunOn): void {
  defaultKind = testKind;
  runsBesidePostgres = isBeside;
}
