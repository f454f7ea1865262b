import { expect, it } from '@jest/globals';
import { testsIn } from '../../scripts/standards.js';

it('a sentence is read from each test of a source, once for a table of cases', () => {
  const source = `
describe('not this', () => {
  it('says one thing (RFC 1 §2)', async () => { await split('nor this'); });
  it("says another's", () => {});
  it.each(['a', 'b'])('says it of %s', () => {});
  it.each<[string, number]>([
    ['case', f(1)],
  ])(
    'says it of each: %s, %i',
    () => { expect(submit('x')).toBe(1); },
  );
  it(\`says \\\`code\\\`\`, () => {});
});`;
  expect(testsIn(source)).toEqual([
    'says one thing (RFC 1 §2)',
    "says another's",
    'says it of %s',
    'says it of each: %s, %i',
    'says `code`',
  ]);
});
