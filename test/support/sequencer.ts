// The slowest suites begin first, so that none is left running alone at the end; the rest follow by size.
import { statSync } from 'node:fs';
import type { Test } from '@jest/reporters';

/** The slowest first, as `project/suite`: what takes more than about half a minute on two cores. */
export const slowest = [
  'postgres/http/enumeration',
  'browser/browser/pages',
  'unit/unit/cli',
  'unit/unit/declarations/apply',
  'postgres/http/isolation-hosts',
  'postgres/http/ways-around',
  'browser/browser/sign-in',
  'postgres/http/stored-values',
  'postgres/http/hosts',
  'unit/features/lockout-history',
  'postgres/http/second-factor-guesses',
  'postgres/processes/rolling',
  'browser/browser/factors',
  'browser/browser/real-pages',
  'browser/browser/main-job',
  'postgres/http/isolation',
  'postgres/http/one-time-matrix',
  'unit/unit/platform/embedded',
  'postgres/standards/ssrf/ssrf',
  'postgres/standards/openid-connect-back-channel-logout/back-channel-logout',
  'postgres/standards/redirect-uris/redirect-uris',
  'postgres/processes/guesses',
  'postgres/processes/kill',
];

export default class Sequencer {
  sort(tests: readonly Test[]): Test[] {
    const weighed = tests.map((test) => {
      const place = slowest.indexOf(nameOf(test));
      return { test, place: place < 0 ? slowest.length : place, size: statSync(test.path).size };
    });
    return weighed.sort((a, b) => a.place - b.place || b.size - a.size).map(({ test }) => test);
  }

  cacheResults(): void {}
}

const nameOf = ({ path, context }: Test): string =>
  `${context.config.displayName?.name}/${path.replace(/^.*\/dist\/test\//, '').replace(/\.test\.js$/, '')}`;
