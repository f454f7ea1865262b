import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mailSamples } from '../../src/features/mail/mail-samples.js';
import { mailVariables } from '../../src/features/mail/mail-variables.js';
import { withContext } from '../../src/platform/context.js';
import { ask, tokenWith } from '../support/api.js';
import { startServer, type TestServer } from '../support/server.js';

const scopes = 'settings:read settings:write audit:read';
const at = '/mail-templates/verify_email/en';
const words = {
  subject: 'Welcome to {{brand}}',
  heading: 'One more step',
  text: 'Is this your address?\n\n[It is mine]({{link}})\n\nWithin {{duration}}. [Help](https://help.acme.example/)',
};

describe('the letters of a tenant in its own words', () => {
  let server: TestServer;
  let token: string;

  beforeAll(async () => {
    server = await startServer();
    token = await tokenWith(server, scopes);
  }, 180_000);
  afterAll(() => server?.close());

  const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    ask(server, token, method, path, body, headers);
  const link = 'https://id.example.com/verify?token=abc&x=1';
  const written = (locale = 'en', of = server) =>
    of.inside(({ letterWriting }) => letterWriting.write('verify_email', locale, { link, minutes: 15 }));

  it('are listed, each with what it may name and where it is one’s own', async () => {
    const { status, body } = await api('get', '/mail-templates');
    const items = body.items as { name: string; variables: { name: string }[]; locales: object[] }[];
    expect([status, items.map(({ name }) => name)]).toEqual([200, Object.keys(mailVariables)]);
    expect(items.find(({ name }) => name === 'verify_email')).toEqual({
      name: 'verify_email',
      variables: [
        { name: 'brand', description: expect.any(String), required: false, link: false },
        { name: 'link', description: expect.any(String), required: true, link: true },
        { name: 'duration', description: expect.any(String), required: false, link: false },
      ],
      locales: [
        { locale: 'ar', customised: false },
        { locale: 'de', customised: false },
        { locale: 'en', customised: false },
      ],
    });
    expect((await api('get', at)).status).toBe(404);
  });

  it('are said from the next letter on, in the layout and with the colours of the tenant; other languages stay as they are', async () => {
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), {
        settings: { branding: { company_name: 'Acme & Co', primary_color: '#8a1c5c' } },
      }),
    );
    const [house, german] = [await written(), await written('de')];
    const { status, body } = await api('put', at, words);
    expect([status, body]).toEqual([
      200,
      expect.objectContaining({ name: 'verify_email', locale: 'en', ...words, version: 1 }),
    ]);
    const letter = await written();
    expect(letter.subject).toBe('Welcome to Acme & Co');
    expect(letter.html).toContain('Acme &amp; Co');
    expect(letter.html).toMatch(
      /<a\s+href="https:\/\/id\.example\.com\/verify\?token=abc&amp;x=1"[^>]*background:#8a1c5c[^>]*>\s*It is mine/,
    );
    expect(letter.text).toBe(
      `One more step\n\nIs this your address?\n\nIt is mine:\n${link}\n\nWithin 15 minutes. Help: https://help.acme.example/\n\n-- \nAcme & Co\n`,
    );
    expect(letter).not.toEqual(house);
    expect(await written('de')).toEqual(german);
    expect((await api('get', '/mail-templates')).body.items).toContainEqual(
      expect.objectContaining({
        name: 'verify_email',
        locales: expect.arrayContaining([{ locale: 'en', customised: true }]),
      }),
    );
  });

  it('are changed where nobody has changed them since (RFC 9110 §13.1.1), and recorded without what they say', async () => {
    const { headers } = await api('get', at);
    const etag = { 'if-match': headers.get('etag') ?? '' };
    expect((await api('put', at, { ...words, subject: 'Two' }, etag)).body.version).toBe(2);
    expect((await api('put', at, words, etag)).status).toBe(412);
    expect((await api('delete', at, undefined, etag)).status).toBe(412);
    expect((await written()).subject).toBe('Two');
    const { items } = (await api('get', '/audit-events?name=mail_template.replaced')).body as {
      items: { data: object }[];
    };
    expect(items.map(({ data }) => data)).toEqual([
      { template: 'verify_email', locale: 'en' },
      { template: 'verify_email', locale: 'en' },
    ]);
  });

  it('of two who write them first at once one does, and nothing is lost of it', async () => {
    const answers = await Promise.all(
      ['A', 'B', 'C'].map((subject) => api('put', '/mail-templates/set_password/de', { ...words, subject })),
    );
    expect(answers.map(({ status }) => status).filter((status) => status !== 200 && status !== 409)).toEqual([]);
    expect((await api('get', '/mail-templates/set_password/de')).body.subject).toMatch(/^[ABC]$/);
  });

  it('are previewed as they would be, with an example: nothing is sent, stored or recorded', async () => {
    const before = (await api('get', '/mail-templates')).body;
    for (const name of Object.keys(mailSamples)) {
      const { status, body } = await api('post', `/mail-templates/${name}/en/previews`, {});
      expect([name, status, Object.keys(body)]).toEqual([name, 200, ['subject', 'html', 'text']]);
    }
    const tried = await api('post', '/mail-templates/sign_in_code/ar/previews', {
      words: { subject: '{{code}}', text: 'رمزك:\n\n{{code}}' },
    });
    expect(tried.body).toMatchObject({
      subject: '042917',
      html: expect.stringContaining('<p class="code" dir="ltr">042917</p>'),
    });
    expect(String(tried.body.html)).toContain('dir="rtl"');
    expect((await api('get', '/mail-templates')).body).toEqual(before);
    const { rows } = await server.services.db.pool.query('SELECT 1 FROM mail_messages');
    expect(rows).toEqual([]);
  });

  it.each([
    [{ ...words, text: 'No way in' }, '/text'],
    [{ ...words, text: '{{link}} {{password}}' }, '/text'],
    [{ ...words, text: '{{link}} <% process.exit() %> {{it.page}}' }, '/text'],
    [{ ...words, text: '[x](javascript:alert(1)) {{link}} http://evil.example' }, '/text'],
    [{ ...words, subject: 'Hello\r\nBcc: somebody@evil.example' }, '/subject'],
    [{ ...words, subject: '{{link}}' }, '/subject'],
    [{ ...words, text: 'Go on: https://evil.example/?l={{link}}' }, '/text'],
    [{ ...words, heading: 'A \u202ered\u202c herring' }, '/heading'],
    [{ ...words, text: `{{link}}${'x'.repeat(10_001)}` }, '/text'],
    [{ ...words, html: '<b>x</b>' }, '/html'],
  ])('refuse %j, and say where', async (body, pointer) => {
    const put = await api('put', at, body);
    expect([put.status, put.body.errors]).toEqual([
      422,
      expect.arrayContaining([expect.objectContaining({ pointer })]),
    ]);
    const preview = await api('post', `${at}/previews`, { words: body });
    expect([preview.status, preview.body.errors]).toEqual([
      422,
      expect.arrayContaining([expect.objectContaining({ pointer: `/words${pointer}` })]),
    ]);
  });

  it('never let a code be a part of somebody else’s address, in the subject as little as in the text', async () => {
    for (const [pointer, said] of [
      ['/subject', { subject: 'evil.example/{{code}}', text: '{{code}}' }],
      ['/heading', { subject: 'S', heading: 'https://{{code}}.evil.example', text: '{{code}}' }],
      ['/text', { subject: 'S', text: 'Your code: {{code}}\n\nhttps://evil.example/#{{code}}' }],
    ] as const) {
      const { status, body } = await api('put', '/mail-templates/sign_in_code/en', said);
      expect([status, body.errors]).toEqual([422, [expect.objectContaining({ pointer })]]);
    }
  });

  it('never leave the way in out of an invitation because nobody knows who asks', async () => {
    const text = '{{inviter}} asks you to join {{organization}}: [Answer]({{link}})';
    await api('put', '/mail-templates/organization_invitation/en', { subject: 'Join {{organization}}', text });
    const data = { link, minutes: 60, organization: 'Globex', role: 'member' };
    const letter = await server.inside(({ letterWriting }) =>
      letterWriting.write('organization_invitation', 'en', data),
    );
    expect(letter.text).toContain(`asks you to join Globex: Answer: ${link}`);
    expect(letter.html).toContain('token=abc&amp;x=1">Answer</a>');
  });

  it('a template of ours in their words is words', async () => {
    await api('put', at, { ...words, text: '<%= it.link %> $[1] <script>alert(1)</script> {{link}}' });
    const { html, text } = await written();
    expect(html).toContain('&lt;%= it.link %&gt; $[1] &lt;script&gt;alert(1)&lt;/script&gt;');
    expect(text).toContain('<%= it.link %> $[1] <script>');
  });

  it.each(['/mail-templates/nothing/en', '/mail-templates/constructor/en', '/mail-templates/verify_email/fr'])(
    'there is none at %s',
    async (path) => {
      for (const [method, body] of [['get'], ['put', words], ['delete']] as const)
        expect([method, (await api(method, path, body)).status]).toEqual([method, 404]);
      expect((await api('post', `${path}/previews`, {})).status).toBe(404);
    },
  );

  it('are nobody else’s: another tenant says what the house says', async () => {
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'other', name: 'Other' }));
    const other = {
      ...server,
      inside: (work: never) =>
        withContext({ tenantId: tenant.id }, () => (work as (s: object) => never)(server.services)),
    } as TestServer;
    expect((await written('en', other)).subject).toContain('Other');
    expect((await written('en', other)).text).not.toContain('alert');
  });

  it('go back to those of the house', async () => {
    expect((await api('delete', at)).status).toBe(204);
    expect((await written()).subject).not.toBe(words.subject);
    expect((await api('delete', at)).status).toBe(404);
  });
});
