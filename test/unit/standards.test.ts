import { expect, it } from '@jest/globals';
import { sentencesIn } from '../../scripts/sentences.js';

it('a sentence is read from each test of a source, below its headings, and a table of cases in the words of its rows', () => {
  const source = `
const kinds: Record<string, () => void> = { opaque: () => {}, 'a JWT': () => {} };
const cases: [what: string, again: () => void][] = [
  // Not this, nor ['that'].
  ['by its client, again', () => split(/[\\]"(]/)],
  ["by another's", () => {}],
];
describe('a token (RFC 1)', () => {
  it('says one thing (RFC 1 §2)', async () => { await split('nor this'); });
  describe.each(Object.keys(kinds))('of kind %s', () => {
    it("says another's", () => {});
  });
  it.each(cases)('%s', () => {});
  it.each(['a', 301])('says it of %s, too', () => {});
  it.each<[string, () => Promise<number>]>([
    ['case', async () => f(1)],
    ['other', g],
  ])(
    'says it of each: %s',
    () => { expect(submit('x')).toBe(1); },
  );
  it.each(computed())('of whatever %s is', () => {});
  it(\`says \\\`code\\\`\`, () => {});
});`;
  expect(sentencesIn(source).map(({ kind, depth, text }) => `${kind} ${depth} ${text}`)).toEqual([
    'describe 0 a token (RFC 1)',
    'it 1 says one thing (RFC 1 §2)',
    'describe 1 of kind: opaque; a JWT',
    "it 2 says another's",
    'it 1 by its client, again',
    "it 1 by another's",
    'it 1 says it of a or 301, too',
    'it 1 says it of each: case; other',
    'it 1 of whatever … is',
    'it 1 says `code`',
  ]);
});
