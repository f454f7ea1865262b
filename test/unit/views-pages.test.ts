import { describe, expect, it } from '@jest/globals';
import { HtmlValidate } from 'html-validate';
import { Views } from '../../src/platform/views.js';
import { letters, samplePage, samples, viewsRoot } from '../support/pages.js';

const views = new Views({ root: viewsRoot, cache: true });
const locales = views.locales.available;
const validator = new HtmlValidate({
  extends: ['html-validate:recommended'],
  // Eta leaves an empty line where an attribute was not needed.
  rules: { 'no-trailing-whitespace': 'off' },
});

/** What mail programs need and browsers do not: tables for boxes, styles beside the words, comments that Outlook reads. */
const letterValidator = new HtmlValidate({
  extends: ['html-validate:recommended'],
  rules: {
    'no-trailing-whitespace': 'off',
    'no-conditional-comment': 'off',
    'no-inline-style': 'off',
    'no-deprecated-attr': 'off',
    'prefer-native-element': 'off',
  },
});

describe('every page', () => {
  const all = locales.flatMap((locale) => samples.map((sample) => ({ ...sample, locale })));

  it.each(all)('$name in $locale is valid HTML', async ({ template, data, locale }) => {
    const report = await validator.validateString(views.render(template, data, samplePage(locale)));
    expect(
      report.results.flatMap(({ messages }) => messages.map((m) => `${m.line}: ${m.ruleId}: ${m.message}`)),
    ).toEqual([]);
  });

  it.each(all)(
    '$name in $locale keeps to the policy: no inline script, style or handler',
    ({ template, data, locale }) => {
      const html = views.render(template, data, samplePage(locale));
      expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc="\/assets\/)/i);
      expect(html).not.toMatch(/undefined|\[object|NaN/);
      expect(html.startsWith('<!DOCTYPE html>')).toBe(true);
    },
  );

  it.each(all.filter(({ locale }) => locale === 'en'))('$name has one primary action at most', ({ template, data }) => {
    const html = views.render(template, data, samplePage('en'));
    expect((html.match(/class="button"/g) ?? []).length).toBeLessThanOrEqual(1);
    expect((html.match(/<h1/g) ?? []).length).toBe(1);
    expect((html.match(/\sautofocus/g) ?? []).length).toBeLessThanOrEqual(1);
  });

  it('carries the CSRF field in every form that comes back to us', () => {
    for (const { template, data } of samples) {
      const html = views.render(template, data, samplePage('en'));
      const forms = html.match(/<form[\s\S]*?<\/form>/g) ?? [];
      for (const form of forms) {
        const guarded = form.includes('name="csrf" value="csrf-token"') || form.includes('name="xsrf"');
        // A search changes nothing, and what it sends stands in the address, where no secret belongs (RFC 9110 §17.9).
        const asks = /^<form[^>]*\smethod="get"/.test(form);
        // Form Post Response Mode §2: only the response parameters reach the client.
        expect(guarded).toBe(!asks && template !== 'interaction/form-post');
      }
    }
  });
});

describe('the hooks clients, tests and password managers rely on', () => {
  const html = (name: string) => {
    const sample = samples.find((candidate) => candidate.name === name);
    if (!sample) throw new Error(name);
    return views.render(sample.template, sample.data, samplePage('en'));
  };

  it.each([
    [
      'interaction.identifier.first',
      ['name="username"', 'id="login-submit"', 'Sign in', 'autocomplete="username webauthn"'],
    ],
    [
      'interaction.identifier.one-page',
      ['name="username"', 'name="password"', 'id="login-submit"', '>Sign in</button>'],
    ],
    ['interaction.password.first', ['name="username"', 'name="password"', 'id="login-submit"', '>Sign in</button>']],
    ['interaction.consent.known', ['id="consent-allow"', 'id="consent-deny"', 'name="decision" value="allow"']],
    ['logout.confirm.client', ['id="logout-confirm"', 'id="logout-stay"', 'name="logout" value="yes"']],
    ['logout.done.alone', ['You are signed out']],
    ['errors.error.redirect_uri', ['Request could not be completed', '01JD-7K3Q']],
    ['errors.error.generic', ['Request could not be completed']],
  ])('%s', (name, hooks) => {
    for (const hook of hooks) expect(html(name)).toContain(hook);
  });

  it('shows the name, logo, policies and destination of the client where one signs in and consents', () => {
    for (const name of ['interaction.identifier.first', 'interaction.password.first', 'interaction.consent.known'])
      for (const part of ['Trip Planner', 'trips.example.com', 'data:image/svg+xml', '/privacy', '/terms'])
        expect(html(name)).toContain(part);
  });

  it('never says that a lock without end will end', () => {
    expect(html('interaction.password.locked')).toContain('try again in 5 minutes');
    expect(html('interaction.password.locked-for-good')).toContain('An administrator can open it again');
  });

  it('leaves optional scopes unticked', () => {
    expect(html('interaction.consent.known')).toContain('name="scope" value="bookings:read"');
    expect(html('interaction.consent.known')).not.toMatch(/\schecked/);
  });
});

describe('an error page', () => {
  it.each([
    ['interaction_expired', 'This step of the sign-in is over'],
    ['invalid_link', 'This link no longer works'],
    ['csrf', 'Please start again in this browser'],
    ['temporarily_unavailable', 'We are very busy'],
    ['something_new', 'Request could not be completed'],
    ['__proto__', 'Request could not be completed'],
  ])('has words for %s', (code, title) => {
    expect(views.render('errors/error', { code }, samplePage('en'))).toContain(`<h1>${title}</h1>`);
  });
});

describe('what strangers send', () => {
  const client = {
    name: '<script>alert(1)</script> $t(common.cancel) {{host}} </b>',
    host: 'h"><img src=x onerror=alert(1)>',
    logo_uri: 'javascript:alert(1)',
    policy_uri: 'javascript:alert(1)',
    tos_uri: 'data:text/html,<script>alert(1)</script>',
  };
  const account = { email: '"><svg onload=alert(1)>@example.com', initials: '<i>' };

  it('is shown as text, never as markup, and its links lead to the web only', () => {
    const html = views.render(
      'interaction/consent',
      { client: { ...client, dynamic: true }, account, scopes: [{ name: '"><x>' }], actions: { submit: '/s' } },
      samplePage('en'),
    );
    expect(html).not.toMatch(/<script>|<img src=x|<svg onload|<i>|<x>|javascript:|data:text/);
    expect(html).toContain('&lt;script&gt;alert(1)&lt;/script&gt; $t(common.cancel) {{host}} &lt;/b&gt;');
  });

  it('cannot spell the tags that our own sentences use', () => {
    const { rich } = views.locales.speak('en');
    expect(
      rich('consent.agree_both', { client: '<terms>x</terms>\uE000host\uE000' }, { terms: 'https://a.example/t' }),
    ).toBe(
      'By allowing you accept the <a href="https://a.example/t" target="_blank" rel="noopener noreferrer">terms</a> and the privacy policy of <bdi>&lt;terms&gt;x&lt;/terms&gt;\uE000host\uE000</bdi>.',
    );
  });

  it('reaches the client byte for byte in a form_post response', () => {
    const state = ' two\n\n   lines\t"quoted" & <more>';
    const html = views.render(
      'interaction/form-post',
      { action: 'https://c.example/cb', fields: { state } },
      samplePage('en'),
    );
    expect(html).toContain('value=" two\n\n   lines\t&quot;quoted&quot; &amp; &lt;more&gt;"');
  });
});

describe('letters', () => {
  it.each(locales.flatMap((locale) => letters.map((letter) => ({ ...letter, locale }))))(
    '$name in $locale has a subject and says the same as text and as HTML',
    async ({ template, data, locale }) => {
      const letter = views.email(template, data, samplePage(locale));
      expect(letter.subject).toContain('Acme Travel');
      expect(letter.text).not.toMatch(/&\w+;|<\w|undefined|\n{3}/);
      expect(letter.html).not.toMatch(/undefined|<script|src=/);
      const address = (data as { link?: string }).link;
      if (address) {
        expect(letter.text).toContain(address);
        expect(letter.html).toContain(address.replace('&', '&amp;'));
      }
      const report = await letterValidator.validateString(letter.html);
      expect(report.results.flatMap(({ messages }) => messages.map((m) => `${m.ruleId}: ${m.message}`))).toEqual([]);
    },
  );

  it('never breaks the subject line', () => {
    const page = { ...samplePage('en'), brand: { name: 'Acme\r\nBcc: all@example.com' } };
    expect(views.email('emails/account_locked', {}, page).subject).not.toMatch(/[\r\n]/);
  });
});
