import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { projectRoot } from '../../config/root.js';
import { letterOf } from '../../src/features/mail/mail-letter.js';
import { faultsOf } from '../../src/features/mail/mail-markup.js';
import { mailSamples } from '../../src/features/mail/mail-samples.js';
import { mailVariables, variablesOf } from '../../src/features/mail/mail-variables.js';
import { Locales } from '../../src/platform/locale.js';
import { letterSamples } from '../support/letters.js';

const known = variablesOf('verify_email') ?? {};
const good = { subject: 'Hello from {{brand}}', heading: 'Hello', text: '[Go on]({{link}})' };
const faults = (words: object) =>
  faultsOf({ ...good, ...words }, known).map(({ pointer, message }) => [pointer, message]);

describe('the words of a tenant for a letter', () => {
  it.each([
    ['a button', { text: 'Prove it:\n\n[Go on]({{link}})\n\nWithin {{duration}}.' }],
    ['an address written out', { text: 'Open {{link}} now. [Help](https://help.example/a?b=c#d)' }],
    ['spaces within', { text: 'Open {{ link }}, {{ brand }}' }],
    ['what only looks like a link', { text: '{{link}} [1] (see below) [a](b c) a[0](x' }],
    ['an address that is https', { text: '{{link}} https://acme.example/' }],
    ['a link in brackets, at the end of a sentence', { text: 'Open this:{{link}}. Or (<{{link}}>), {{brand}}.' }],
    ['a name beside an address', { text: '{{link}} https://acme.example/{{brand}}' }],
  ])('may be %s', (_what, words) => expect(faults(words)).toEqual([]));

  it.each([
    ['without the link', { text: 'Welcome to {{brand}}' }, '/text', 'must hold {{link}}'],
    ['with a variable of another letter', { text: '{{link}} {{code}}' }, '/text', 'knows no {{code}}'],
    ['with what every object has', { text: '{{link}} {{constructor}} ' }, '/text', 'knows no {{constructor}}'],
    ['with __proto__', { text: '{{link}} {{__proto__}}' }, '/text', 'knows no {{__proto__}}'],
    ['with code', { text: '{{link}} {{#if x}}' }, '/text', 'knows no'],
    ['with a variable that does not end', { text: '{{link}} {{brand' }, '/text', 'no variable'],
    ['with one that is too long', { text: `{{link}} {{${'x'.repeat(61)}}}` }, '/text', 'no variable'],
    ['with a link to a script', { text: '{{link}} [x](javascript:alert)' }, '/text', 'https addresses'],
    ['with data', { text: '{{link}} [x](data:text/html;base64,eA==)' }, '/text', 'https addresses'],
    ['with a link in clear', { text: '{{link}} [x](http://acme.example)' }, '/text', 'https addresses'],
    ['with an address in clear', { text: '{{link}} http://acme.example' }, '/text', 'not https'],
    [
      'with somebody else’s name in an address',
      { text: '{{link}} [x](https://acme.example@evil.example)' },
      '/text',
      'https addresses',
    ],
    [
      'with our link inside of theirs',
      { text: '{{link}} [x](https://evil.example/?l={{link}})' },
      '/text',
      'https addresses',
    ],
    ...[
      'https://evil.example/?l={{link}}',
      'evil.example/{{link}}',
      'https://evil.example/{{brand}}/{{link}}',
      '{{link}}.evil.example',
      '{{link}}@evil.example',
      '[x](https://evil.example/?l=){{link}}',
      '[x]({{link}}).evil.example',
    ].map((text) => [`with ${text}`, { text }, '/text', 'within another address'] as const),
    ['with a link to what is no address', { text: '{{link}} [x]({{duration}})' }, '/text', 'no address'],
    ['with a variable in a label', { text: '[{{brand}}]({{link}})' }, '/text', 'no variable'],
    ['with the link in its subject', { subject: '{{link}}' }, '/subject', 'must not hold a link'],
    ['with any link in its subject', { subject: '[x](https://acme.example)' }, '/subject', 'must not hold a link'],
    ['with the link in its heading', { heading: 'Go {{link}}' }, '/heading', 'must not hold a link'],
    ['with a variable in its subject that is not there', { subject: '{{nothing}}' }, '/subject', 'knows no'],
  ])('are refused %s', (_what, words, pointer, message) => {
    expect(faults(words)).toContainEqual([pointer, expect.stringContaining(message)]);
  });

  it('are read to an end, however they are written', () => {
    const parts = fc.constantFrom(
      '{{',
      '}}',
      '[',
      ']',
      '](',
      '(',
      ')',
      'link',
      ' ',
      '\n\n',
      'https://',
      'a'.repeat(300),
    );
    fc.assert(
      fc.property(fc.array(parts, { maxLength: 400 }), (some) => {
        const text = some.join('');
        const started = performance.now();
        faults({ text, subject: text });
        letterOf({ ...good, text }, () => 'x');
        expect(performance.now() - started).toBeLessThan(1000);
      }),
    );
  });
});

describe('a letter in the words of a tenant', () => {
  const values = (all: Record<string, string>) => (name: string) => all[name];

  it('escapes what it says and every value, and has the same words in plain text', () => {
    const words = {
      subject: 'S',
      text: 'Dear <b>you</b> & {{inviter}},\nhello.\n\n[A "label"]({{link}})\n\nSmall: [x](https://a.example/?b=1&c=2)',
    };
    const letter = letterOf(
      words,
      values({ inviter: '<script>alert(1)</script>', link: 'https://id.example/x?a=1&b=2' }),
    );
    expect(letter.html).toBe(
      '<p>Dear &lt;b&gt;you&lt;/b&gt; &amp; <bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>,<br>hello.</p>',
    );
    expect(letter.text).toBe('Dear <b>you</b> & <script>alert(1)</script>,\nhello.');
    expect(letter.button).toEqual({ href: 'https://id.example/x?a=1&b=2', label: 'A "label"' });
    expect(letter.notes).toEqual(['Small: x: https://a.example/?b=1&c=2']);
  });

  it('writes links in their place where they do not stand alone', () => {
    const { html, text, button } = letterOf(
      { subject: 'S', text: 'Open [this]({{link}}).' },
      values({ link: 'https://a.example/?x="1"' }),
    );
    expect(html).toBe('<p>Open <a href="https://a.example/?x=&quot;1&quot;">this</a>.</p>');
    expect([text, button]).toEqual(['Open this: https://a.example/?x="1".', undefined]);
  });

  it('leaves out what it has nothing to say about, with the paragraph around it', () => {
    const { text } = letterOf({ subject: 'S', text: 'One.\n\nFrom {{ip}}.\n\nTwo.' }, values({}));
    expect(text).toBe('One.\n\nTwo.');
  });

  it('never leaves out what is required: of its paragraph only what is not known', () => {
    const written = (text: string, all: Record<string, string>) =>
      letterOf({ subject: 'S', text }, values(all), new Set(['link', 'factor']));
    const link = 'https://id.example/x';
    const { html, text } = written('From {{ip}}: [Not me]({{link}})', { link });
    expect([html, text]).toEqual([`<p>From : <a href="${link}">Not me</a></p>`, `From : Not me: ${link}`]);
    // A letter for which there is nothing to do has no link.
    expect(written('{{factor}}. [Not me]({{link}})', { factor: 'A passkey' })).toMatchObject({
      html: '<p><bdi>A passkey</bdi>. </p>',
      text: 'A passkey. ',
    });
    expect(written('One.\n\n[Not me]({{link}})', {})).toMatchObject({ text: 'One.', button: undefined });
  });

  it('never takes a value for words of its own', () => {
    const { text } = letterOf(
      { subject: 'S', text: '{{message}}' },
      values({ message: '{{link}} [x](https://evil.example)', link: 'secret' }),
    );
    expect(text).toBe('{{link}} [x](https://evil.example)');
  });

  it('has one line of subject, whatever a value holds (RFC 5322 §2.2)', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const { subject } = letterOf(
          { subject: 'From {{brand}}', text: 'x' },
          values({ brand: `${name}\r\nBcc: x@evil.example` }),
        );
        expect(subject).not.toMatch(/[\r\n\0\u2028\u2029]/);
      }),
    );
  });
});

describe('what each letter’s words may name', () => {
  const locales = new Locales(path.join(projectRoot, 'views/locales'));
  const names = Object.keys(mailVariables) as (keyof typeof mailVariables)[];

  it.each(names)('%s: every variable says something, in every language, and nothing that is not a value', (name) => {
    const samples = [mailSamples[name], ...letterSamples[name]];
    for (const locale of locales.available)
      for (const [variable, { says, required }] of Object.entries(variablesOf(name) ?? {})) {
        const said = samples.map((data) => says(data as never, locales.speak(locale)));
        for (const one of said) expect(one ?? '').not.toMatch(/undefined|NaN|Invalid|\{\{|emails\.|<b>/);
        expect([variable, Boolean(said[0])]).toEqual([variable, true]);
        // A link may be missing where nobody can do anything any more; what was to be said never is.
        if (required && variable !== 'link') expect(said.every(Boolean)).toBe(true);
      }
  });
});
