import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { Locales } from '../../src/platform/locale.js';
import { viewsRoot } from '../support/pages.js';

const folder = path.join(viewsRoot, 'locales');
const locales = new Locales(folder);

type Words = { [key: string]: string | Words };
const flat = (words: Words, prefix = ''): [string, string][] =>
  Object.entries(words).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[prefix + key, value]] : flat(value, `${prefix}${key}.`),
  );
const wordsOf = (locale: string) =>
  new Map(flat(JSON.parse(readFileSync(path.join(folder, `${locale}.json`), 'utf8')) as Words));
const english = wordsOf('en');
const placeholders = (text = '') => [...text.matchAll(/\{\{(\w+)\}\}|<\/?(\w+)>/g)].map(([match]) => match).sort();

const sources = (from: string, ends: RegExp): string[] =>
  readdirSync(from, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(from, entry.name);
    if (entry.isDirectory()) return sources(full, ends);
    return ends.test(entry.name) ? [readFileSync(full, 'utf8')] : [];
  });
const code = [...sources(viewsRoot, /\.eta$/), ...sources(path.join(projectRoot, 'src'), /\.ts$/)].join('\n');
/** Every text in quotes that could be a key; what is between ${ and } may be anything. */
const mentioned = [...code.matchAll(/['"`]([a-z_]+(?:\.(?:[a-z_]+|\$\{[^`]*?\}))+)['"`]/g)].map(
  ([, key = '']) => new RegExp(`^${key.replaceAll('.', '\\.').replaceAll(/\$\{.*?\}/g, '\\w+')}$`),
);
const isMentioned = (key: string) => mentioned.some((pattern) => pattern.test(key));

describe('the words', () => {
  it.each(locales.available)('%s has the same keys and placeholders as English, and no empty text', (locale) => {
    const words = wordsOf(locale);
    expect([...words.keys()].sort()).toEqual([...english.keys()].sort());
    for (const [key, text] of words) {
      expect({ key, has: placeholders(text) }).toEqual({ key, has: placeholders(english.get(key)) });
      expect(text.trim()).not.toBe('');
    }
  });

  it('holds no key that no page uses', () => {
    // A subject is named by its template, see Views.email().
    const unused = [...english.keys()].filter((key) => !isMentioned(key) && !/^emails\.\w+\.subject$/.test(key));
    expect(unused).toEqual([]);
  });

  it('misses no key that a page names', () => {
    const named = [...code.matchAll(/\b(?:t|rich)\((?:[^()'"`]*\? *)?'([^']+)'(?: *: *'([^']+)')?/g)].flatMap(
      ([, one, other]) => [one, other].filter((key) => key !== undefined),
    );
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((key) => !english.has(key))).toEqual([]);
  });

  it.each(locales.available)('%s holds markup only where it is printed by rich()', (locale) => {
    for (const [key, text] of wordsOf(locale)) {
      expect(text).not.toMatch(/&|<(?!\/?(?:b|terms|policy|api)>)/);
      if (text.includes('<')) expect(code).not.toContain(` t('${key}'`);
    }
  });
});

describe('ui_locales and Accept-Language', () => {
  it.each([
    [undefined, undefined, 'en'],
    ['de', undefined, 'de'],
    ['fr de-CH', 'ar', 'de'],
    [undefined, 'de-AT,de;q=0.9,en;q=0.8', 'de'],
    [undefined, 'en;q=0.1, ar-EG;q=0.9', 'ar'],
    [undefined, 'de;q=0, en', 'en'],
    ['xx', 'ar', 'ar'],
    ['../../etc/passwd "><b>', ';;;,,,q=1,*', 'en'],
    ['__proto__', 'constructor', 'en'],
    ['x'.repeat(10_000), ','.repeat(10_000), 'en'],
  ])('%p and %p choose %s', (uiLocales, acceptLanguage, chosen) => {
    expect(locales.pick(uiLocales, acceptLanguage)).toBe(chosen);
  });

  it('writes Arabic from right to left', () => {
    expect(locales.available.map((locale) => [locale, locales.speak(locale).dir])).toEqual([
      ['ar', 'rtl'],
      ['de', 'ltr'],
      ['en', 'ltr'],
    ]);
  });
});

describe('times', () => {
  it.each([
    [0.2, '1 second', 'in 1 second'],
    [59, '59 seconds', 'in 59 seconds'],
    [61, '2 minutes', 'in 2 minutes'],
    [300, '5 minutes', 'in 5 minutes'],
    [7200, '2 hours', 'in 2 hours'],
    [3 * 86400, '3 days', 'in 3 days'],
  ])('%d seconds are rounded up', (seconds, length, later) => {
    const { duration, after } = locales.speak('en');
    expect([duration(seconds), after(seconds)]).toEqual([length, later]);
  });
});
