import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
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

  it.each(some)(
    '$what',
    async (mutation) => {
      expect(await workshop.try(mutation)).toMatchObject({ caught: true });
    },
    60_000,
  );
});
