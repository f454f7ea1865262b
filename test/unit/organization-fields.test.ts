import { describe, expect, it } from '@jest/globals';
import { linesOf, numberOf, slugOf, ticked, wrongOf } from '../../src/account/organization-fields.js';

const many = Array.from({ length: 30 }, (_, place) => `id-${place}`);

describe('the fields of forms of an organization', () => {
  it.each([
    [undefined, []],
    ['one', []],
    [['one'], ['one']],
    [
      ['one', 'two'],
      ['one', 'two'],
    ],
    [Object.fromEntries(many.map((id, place) => [place, id])), many],
    [{ a: 'b' }, []],
    [[{ a: 'b' }], []],
  ])('boxes sent as %j are %j', (sent, read) => expect(ticked.parse(sent)).toEqual(read));

  it.each([
    ['', []],
    [' a \r\n\n b,c; d ', ['a', 'b', 'c', 'd']],
  ])('%j has the lines %j', (text, lines) => expect(linesOf(text)).toEqual(lines));

  it.each([
    ['', null],
    [' 12 ', 12],
    ['1e3', '1e3'],
    ['-1', '-1'],
    ['1.5', '1.5'],
    ['9999999999', '9999999999'],
  ])('%j is the number %j', (text, number) => expect(numberOf(text)).toBe(number));

  it.each([
    ['Globex', 'globex'],
    ['Über uns & Söhne', 'uber-uns-sohne'],
    ['  --A--  ', 'a'],
    ['مؤسسة', ''],
  ])('%j is called %j in addresses', (name, slug) => expect(slugOf(name)).toBe(slug));

  it('a field is wrong once, however deep what is wrong with it lies', () =>
    expect(wrongOf([{ path: ['settings', 'policy', 'ip_allow_list', 0] }, { path: ['ip_allow_list', 3] }])).toEqual([
      'ip_allow_list',
    ]));
});
