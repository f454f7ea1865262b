import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { letterColours, luminance } from '../../src/platform/colours.js';
import { type Page, Views } from '../../src/platform/views.js';
import { letterSamples } from '../support/letters.js';
import { letters, samplePage, viewsRoot } from '../support/pages.js';

const views = new Views({ root: viewsRoot, cache: true });
const evil = `"><svg onload=alert(1)>'<%= 1 %>&amp;`;
const brands: Page['brand'][] = [
  { name: 'Acme Travel' },
  { name: 'شركة <b>أكمي</b> & Söhne', colours: { primary: '#ffe600', background: '#112233' } },
  { name: evil, colours: { primary: 'red;}</style><script>', background: 'url(https://spy.example)' } },
];
const each = views.locales.available.flatMap((locale) =>
  letters.flatMap(({ name, template, data }) =>
    brands.map((brand, index) => ({ name, template, data, locale, brand, index })),
  ),
);
const unescaped = (html: string) =>
  html
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
const linksOf = (html: string) => [...html.matchAll(/href="([^"]*)"/g)].map(([, href = '']) => unescaped(href));

describe('every letter', () => {
  it.each(each)('$name in $locale for brand $index', ({ template, data, locale, brand }) => {
    const { subject, text, html } = views.email(template, data, { ...samplePage(locale), brand });
    expect(subject).not.toMatch(/^emails\.|[\r\n]|\{\{/);
    // Nothing is fetched when it is opened: neither picture nor font nor style sheet.
    expect(html).not.toMatch(/\ssrc=|url\(|@import|<link|<script|<svg|<img|<iframe|background="/i);
    expect(html).not.toMatch(/undefined|\[object|NaN|\{\{|<%|>emails\./);
    // Plain text shows a name as it is.
    expect(text.replaceAll(brand.name, '')).not.toMatch(/undefined|\[object|NaN|\{\{|<%|^emails\.|\n{4}/m);
    expect(html).toContain(`dir="${locale === 'ar' ? 'rtl' : 'ltr'}"`);
    expect(html).toMatch(/prefers-color-scheme: dark/);
    // The twins lead to the same places.
    const { link, not_me } = data as { link?: string; not_me?: string };
    const links = [link, not_me].filter((one) => one !== undefined);
    expect(new Set(linksOf(html))).toEqual(new Set(links));
    expect([...text.matchAll(/https?:\/\/\S+/g)].map(([address]) => address)).toEqual(links);
    // A program that shows the beginning shows what it is about; nobody reads more than a screen.
    expect(text.length).toBeLessThan(1_000);
    expect(html.length).toBeLessThan(20_000);
  });

  it.each(Object.entries(letterSamples).flatMap(([name, all]) => all.map((data) => [name, data] as const)))(
    '%s escapes what it is given: %j',
    (name, data) => {
      const given = Object.fromEntries(
        Object.entries(data).map(([key, value]) => [
          key,
          typeof value === 'number' || /^\d{4}-/.test(String(value)) || key === 'until' ? value : evil,
        ]),
      );
      const { html } = views.email(`emails/${name}`, given, samplePage('en'));
      expect(html).not.toMatch(/<svg|onload=alert\(1\)>|"><svg/);
    },
  );

  it('there is a pair of twins for each template, and none for anything else', () => {
    const files = readdirSync(path.join(viewsRoot, 'emails')).sort();
    const expected = Object.keys(letterSamples).flatMap((name) => [`${name}.html.eta`, `${name}.txt.eta`]);
    expect(files).toEqual(expected.sort());
  });

  it('prints what the layout prints, and no value as it is but the words of the template', () => {
    const layout = readFileSync(path.join(viewsRoot, 'layouts', 'letter.mjml'), 'utf8');
    expect([...layout.matchAll(/<%~(.*?)%>/g)].map(([, what]) => what?.trim())).toEqual(['it.body']);
  });
});

describe('the colours of a brand', () => {
  it.each(['#000000', '#ffffff', '#777777', '#ffe600', '#0b6b5b', '#e63946', '#3a86ff'])(
    'a label on %s has a contrast of 4.5:1 (WCAG 2.2 §1.4.3)',
    (primary) => {
      const { button, label } = letterColours({ primary });
      const [dark = 0, light = 0] = [luminance(button), luminance(label)].sort((a, b) => a - b);
      expect(button).toBe(primary);
      expect((light + 0.05) / (dark + 0.05)).toBeGreaterThanOrEqual(4.5);
    },
  );

  it.each(['red', '#fff', '#12345g', 'url(https://spy.example)', '#123456;}', undefined])(
    'leaves out %p',
    (primary) => {
      expect(letterColours({ primary, background: primary })).toEqual(letterColours());
    },
  );
});
