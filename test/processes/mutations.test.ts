import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { type Mutation, mutations, Workshop } from '../support/mutations.js';

/** All of them: npm run prove -- mutations. */
const some = ['a code is spent only while it is unspent', 'an ended session is not saved'].map(
  (what) => mutations.find((one) => one.what === what) as Mutation,
);

describe('a race test fails when the condition it guards is taken out', () => {
  let workshop: Workshop;
  beforeAll(() => {
    workshop = new Workshop();
  });
  afterAll(() => workshop?.close());

  it('each of them can be taken out: it stands where the list says', () => {
    const lost = mutations.filter(
      ({ file, from }) => !readFileSync(path.join(projectRoot, 'dist/src', `${file}.js`), 'utf8').includes(from),
    );
    expect(lost.map(({ what }) => what)).toEqual([]);
  });

  it.each(some)(
    '$what',
    async (mutation) => {
      expect(await workshop.try(mutation)).toMatchObject({ caught: true });
    },
    180_000,
  );
});
