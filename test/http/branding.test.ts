import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { withContext } from '../../src/platform/context.js';
import { ask, tokenWith } from '../support/api.js';
import { Browser } from '../support/browser.js';
import { authorizationUrl, makeClient, type Party, pkce } from '../support/party.js';
import { jpeg, png } from '../support/pictures.js';
import { startServer, type TestServer } from '../support/server.js';

const scopes = 'settings:read settings:write organizations:read organizations:write audit:read';
const image = (bytes: Buffer) => ({ image: bytes.toString('base64') });

describe('how a tenant and its organizations look', () => {
  let server: TestServer;
  /** A tenant below a path. */
  let acme: TestServer;
  let token: string;
  let party: Party;

  beforeAll(async () => {
    server = await startServer();
    const tenant = await server.inside(({ tenants }) => tenants.create({ slug: 'acme', name: 'Acme' }));
    acme = {
      ...server,
      issuer: tenant.issuer(server.issuer),
      inside: (work) => withContext({ tenantId: tenant.id }, () => work(server.services)),
    };
    token = await tokenWith(acme, scopes);
    party = await makeClient(acme);
  }, 180_000);
  afterAll(() => server?.close());

  const api = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    ask(acme, token, method, path, body, headers);
  const signInPage = async (extra: Record<string, string> = {}, at = acme, of = party) =>
    (await new Browser().open(authorizationUrl(at, of, pkce(), extra))).html;
  const sheetOf = (html: string) => /href="(\/assets\/brand\/[^"]+)"/.exec(html)?.[1];
  const logoOf = (html: string) => /<img src="([^"]+)"/.exec(html)?.[1];
  const events = async (name: string) =>
    (await api('get', `/audit-events?name=${name}`)).body.items as { data: object }[];

  describe('a tenant', () => {
    it('looks like the house until it says otherwise', async () => {
      const { status, body } = await api('get', '/branding');
      expect([status, body]).toEqual([
        200,
        {
          logo: null,
          shown: { name: 'Acme', logo_uri: null, colours: null },
          updated_at: expect.any(String),
          version: 1,
        },
      ]);
      const html = await signInPage();
      expect([sheetOf(html), logoOf(html)]).toEqual([undefined, undefined]);
    });

    it('shows its name and colours at the next request, by a stylesheet of our own, and says so in the record', async () => {
      const put = await api('put', '/branding', { company_name: 'Acme & Söhne', primary_color: '#8a1c5c' });
      expect([put.status, put.body]).toEqual([
        200,
        expect.objectContaining({ company_name: 'Acme & Söhne', version: 2 }),
      ]);
      const html = await signInPage();
      expect(html).toContain('Acme &amp; Söhne');
      expect(html).not.toMatch(/<style|style="/);
      const sheet = await fetch(new URL(sheetOf(html) ?? '', server.issuer));
      expect([sheet.status, sheet.headers.get('content-type'), sheet.headers.get('x-content-type-options')]).toEqual([
        200,
        'text/css; charset=utf-8',
        'nosniff',
      ]);
      expect(await sheet.text()).toContain('--brand-accent: light-dark(#8a1c5c, ');
      const again = await fetch(sheet.url, {
        // fetch() would ask for nothing kept (Fetch §4.6).
        headers: { 'if-none-match': sheet.headers.get('etag') ?? '', 'cache-control': 'max-age=0' },
      });
      expect(again.status).toBe(304);
      expect(await events('tenant.updated')).toEqual([
        expect.objectContaining({ data: expect.objectContaining({ changed: ['settings'] }) }),
      ]);
    });

    it('is changed member by member (RFC 7396), and replaced whole', async () => {
      const patched = await api('patch', '/branding', { primary_color: null, background_color: '#ffffff' });
      expect(patched.body).toMatchObject({ company_name: 'Acme & Söhne', background_color: '#ffffff' });
      expect(patched.body).not.toHaveProperty('primary_color');
      const put = await api('put', '/branding', {});
      expect(put.body.shown).toEqual({ name: 'Acme', logo_uri: null, colours: null });
      expect((await acme.inside(({ tenantBranding }) => tenantBranding.read())).storedSettings).toEqual({});
    });

    it('of two who change something at once neither is lost', async () => {
      const changes = [{ company_name: 'Both' }, { primary_color: '#8a1c5c' }, { background_color: '#ffffff' }];
      await Promise.all(changes.map((change) => api('patch', '/branding', change)));
      expect((await api('get', '/branding')).body).toMatchObject(Object.assign({}, ...changes));
    });

    it('is refused where somebody has changed it since (RFC 9110 §13.1.1)', async () => {
      const { headers } = await api('get', '/branding');
      const etag = { 'if-match': headers.get('etag') ?? '' };
      expect((await api('patch', '/branding', { company_name: 'First' }, etag)).status).toBe(200);
      for (const [method, path, body] of [
        ['patch', '/branding', { company_name: 'Second' }],
        ['put', '/branding', {}],
        ['put', '/branding/logo', image(png(2, 2))],
        ['delete', '/branding/logo', undefined],
      ] as const)
        expect([method, path, (await api(method, path, body, etag)).status]).toEqual([method, path, 412]);
    });

    it.each([
      ['/branding', '', 'put', (branding: object) => branding],
      ['/branding', '', 'patch', (branding: object) => branding],
      ['/organizations/dressed', '/settings/branding', 'patch', (branding: object) => ({ settings: { branding } })],
    ])('%s%s %s refuses colours that cannot be read, with what was measured', async (path, at, method, body) => {
      await acme.inside(({ organizations }) =>
        organizations.create({ slug: 'dressed', name: 'Dressed' }).catch(() => {}),
      );
      const { status, body: said } = await api(
        method,
        path,
        body({ primary_color: '#ffdd00', background_color: '#ffffff' }),
      );
      expect([status, said.errors]).toEqual([
        422,
        [{ pointer: `${at}/primary_color`, detail: expect.stringContaining('1.34:1') }],
      ]);
    });

    it('refuses them on every other way, too', async () => {
      const branding = { primary_color: '#ffdd00' };
      const operators = await tokenWith(server, 'tenants:write');
      for (const [method, path, body] of [
        ['post', '/tenants', { slug: 'pale', name: 'Pale', settings: { branding } }],
        ['patch', '/tenants/acme', { settings: { branding } }],
      ] as const)
        expect([path, (await ask(server, operators, method, path, body)).status]).toEqual([path, 422]);
      const organization = { slug: 'pale', name: 'Pale', settings: { branding } };
      expect((await api('post', '/organizations', organization)).status).toBe(422);
      expect((await api('put', '/organizations/dressed', organization)).status).toBe(422);
    });

    it.each([
      { primary_color: 'red' },
      { primary_color: '#fff' },
      { primary_color: '#123456;}body{display:none' },
      { logo_uri: 'http://pictures.example/logo.png' },
      { logo_uri: 'javascript:alert(1)' },
      { company_name: '' },
      { logo: 'x' },
    ])('refuses %j', async (body) => expect((await api('put', '/branding', body)).status).toBe(422));

    it.each(['Acme\u202egro.live', 'Acme\nSupport', 'Ac\u2028me', '\u2066Acme'])(
      'refuses a name that reads as another one, %j, on every way',
      async (company_name) => {
        await acme.inside(({ organizations }) =>
          organizations.create({ slug: 'dressed', name: 'Dressed' }).catch(() => {}),
        );
        const branding = { company_name };
        const operators = await tokenWith(server, 'tenants:write');
        for (const [method, path, body] of [
          ['put', '/branding', branding],
          ['patch', '/branding', branding],
          ['patch', '/settings', { settings: { branding } }],
          ['put', '/organizations/dressed/branding', branding],
          ['patch', '/organizations/dressed', { settings: { branding } }],
          ['post', '/organizations', { slug: 'named', name: 'Named', settings: { branding } }],
        ] as const) {
          const { status, body: said } = await api(method, path, body);
          expect([path, status, JSON.stringify(said.errors)]).toEqual([
            path,
            422,
            expect.stringContaining('/company_name"'),
          ]);
        }
        const settings = { branding };
        expect((await ask(server, operators, 'patch', '/tenants/acme', { settings })).status).toBe(422);
      },
    );

    it('goes on being read where older colours were stored that cannot be', async () => {
      await acme.inside(({ db, tenants }) =>
        db.transaction(async () => {
          const tenant = await tenants.current();
          await db.manager.query(
            `UPDATE tenants SET settings = '{"branding":{"primary_color":"#FFDD00"}}' WHERE id = $1`,
            [tenant.id],
          );
          await tenants.published(tenant);
        }),
      );
      const { body } = await api('get', '/branding');
      expect(body.primary_color).toBe('#FFDD00');
      expect((body.shown as { colours: object }).colours).not.toMatchObject({ light: { accent: '#ffdd00' } });
      expect(sheetOf(await signInPage())).toBeDefined();
      await api('put', '/branding', {});
    });
  });

  describe('a logo that is uploaded', () => {
    it('is shown from our own address, kept for good by its name, and recorded', async () => {
      const bytes = png(40, 40);
      const put = await api('put', '/branding/logo', image(bytes));
      expect([put.status, put.body.logo]).toEqual([200, expect.stringMatching(/\/t\/acme\/brand\/[0-9a-f]{64}\.png$/)]);
      const shown = logoOf(await signInPage());
      expect(String(put.body.logo).endsWith(String(shown))).toBe(true);
      const answer = await fetch(String(put.body.logo));
      expect(answer.headers.get('content-type')).toBe('image/png');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
      const file = String(shown).split('/').at(-1);
      expect(await events('branding.logo_replaced')).toEqual([expect.objectContaining({ data: { logo: file } })]);
    });

    it('stays where the rest is replaced, gives way to another one, and goes', async () => {
      const before = (await api('put', '/branding', { company_name: 'Acme' })).body.logo as string;
      expect(before).toMatch(/\.png$/);
      const after = (await api('put', '/branding/logo', image(jpeg(30, 30)))).body.logo as string;
      expect(after).toMatch(/\.jpg$/);
      expect([(await fetch(before)).status, (await fetch(after)).status]).toEqual([404, 200]);
      expect((await api('delete', '/branding/logo')).status).toBe(204);
      expect((await fetch(after)).status).toBe(404);
      expect(logoOf(await signInPage())).toBeUndefined();
      expect(await events('branding.logo_removed')).toHaveLength(1);
      expect((await api('delete', '/branding/logo')).status).toBe(204);
      expect(await events('branding.logo_removed')).toHaveLength(1);
    });

    it('of two at once one is shown, and no other one is left', async () => {
      const pictures = [1, 2, 3, 4].map((n) => png(n, n));
      const answers = await Promise.all(pictures.map((one) => api('put', '/branding/logo', image(one))));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const rows = await acme.inside(({ db, tenants }) =>
        tenants.current().then(({ id }) => db.manager.query('SELECT file FROM brand_logos WHERE tenant_id = $1', [id])),
      );
      const { logo } = (await api('get', '/branding')).body;
      expect(rows).toEqual([{ file: String(logo).split('/').at(-1) }]);
    });

    it.each([
      ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>')],
      ['a page that calls itself a picture', Buffer.concat([png(2, 2), Buffer.from('<script>alert(1)</script>')])],
      ['one that is too large', png(1025, 1)],
      ['one of too many bytes', Buffer.concat([png(2, 2), Buffer.alloc(110_000)])],
    ])('is not %s', async (_what, bytes) => {
      const { status, body } = await api('put', '/branding/logo', image(bytes));
      expect([status, body.errors]).toEqual([422, [expect.objectContaining({ pointer: '/image' })]]);
    });

    it('is nobody else’s: another tenant has no such picture, and no name leads out of it', async () => {
      const { logo } = (await api('get', '/branding')).body;
      const file = String(logo).split('/').at(-1);
      expect((await fetch(`${server.issuer}/brand/${file}`)).status).toBe(404);
      for (const name of ['x.png', `${'0'.repeat(64)}.png`, '..%2f..%2fetc%2fpasswd', `${file}.css`])
        expect([name, (await fetch(`${acme.issuer}/brand/${name}`)).status]).toEqual([name, 404]);
    });
  });

  describe('an organization', () => {
    let globex: { id: string; slug: string };
    beforeAll(async () => {
      await api('put', '/branding', { company_name: 'Acme', primary_color: '#8a1c5c', primary_color_dark: '#ff9ad0' });
      globex = (await api('post', '/organizations', { slug: 'globex', name: 'Globex' })).body as never;
    });
    const at = '/organizations/globex/branding';

    it('that looks like nothing is not told apart from one that is not there', async () => {
      const [none, plain] = [
        await signInPage({ organization: 'nobody-here' }),
        await signInPage({ organization: 'globex' }),
      ];
      const parts = (html: string) => [sheetOf(html), logoOf(html), /<bdi>([^<]*)/.exec(html)?.[1]];
      expect(parts(plain)).toEqual(parts(none));
      expect(parts(plain)).toEqual([expect.stringContaining('8a1c5c'), expect.any(String), 'Acme']);
    });

    it('is worn by pages on which somebody signs in for it, by slug and by id; colours are not mixed', async () => {
      const { status, body } = await api('put', at, { company_name: 'Globex Corp', primary_color: '#1b4fa0' });
      expect([status, (body.shown as { name: string }).name]).toEqual([200, 'Globex Corp']);
      await api('put', `${at}/logo`, image(png(9, 9)));
      for (const organization of ['globex', globex.id]) {
        const html = await signInPage({ organization });
        expect(html).toContain('<bdi>Globex Corp</bdi>');
        expect(sheetOf(html)).toMatch(/brand\/1b4fa0-/);
        expect(sheetOf(html)).not.toContain('ff9ad0');
        expect(logoOf(html)).toBe(new URL(String((await api('get', at)).body.logo)).pathname);
      }
      expect(await signInPage()).toContain('<bdi>Acme</bdi>');
      expect(await events('branding.logo_replaced')).toContainEqual(
        expect.objectContaining({ data: expect.objectContaining({ organization_id: globex.id }) }),
      );
    });

    it('wears what it does under another name at once, and nothing while it is suspended or after it has gone', async () => {
      await api('patch', '/organizations/globex', { slug: 'globex-2' });
      const name = async (organization: string) => /<bdi>([^<]*)/.exec(await signInPage({ organization }))?.[1];
      expect([await name('globex'), await name('globex-2')]).toEqual(['Acme', 'Globex Corp']);
      await api('put', '/organizations/globex-2/suspension', { reason: 'unpaid' });
      expect(await name('globex-2')).toBe('Acme');
      await api('delete', '/organizations/globex-2/suspension');
      expect(await name('globex-2')).toBe('Globex Corp');
      const { logo } = (await api('get', '/organizations/globex-2/branding')).body;
      await api('delete', '/organizations/globex-2');
      expect([await name('globex-2'), (await fetch(String(logo))).status]).toEqual(['Acme', 404]);
    });

    it('that looks as it did before colours were measured decides everything else as ever', async () => {
      await api('post', '/organizations', { slug: 'pale-1', name: 'Pale' });
      const pale = { primary_color: '#ffdd00' };
      await acme.inside(({ db }) =>
        db.manager.query('UPDATE organizations SET settings = $1 WHERE slug = $2', [{ branding: pale }, 'pale-1']),
      );
      const policy = { acr: 'urn:ostiary:acr:mfa' };
      const { status, body } = await api('patch', '/organizations/pale-1', { settings: { policy } });
      expect([status, body.settings]).toMatchObject([200, { policy, branding: pale }]);
      const branding = { ...pale, company_name: 'Paler' };
      expect((await api('patch', '/organizations/pale-1', { settings: { branding } })).status).toBe(422);
    });

    it('whatever a request may name, the page is answered', async () => {
      for (const organization of ['x'.repeat(63), '00000000-0000-7000-8000-000000000000'])
        expect(await signInPage({ organization })).toContain('<bdi>Acme</bdi>');
    });
  });

  it.each([
    '/assets/brand/x.css',
    '/assets/brand/8a1c5c.css',
    '/assets/brand/8A1C5C-f5f4f0-ffffff-101312.css',
    '/assets/brand/../ostiary.css%00',
  ])('%s is no stylesheet', async (path) => expect((await fetch(`${server.issuer}${path}`)).status).toBe(404));
});
