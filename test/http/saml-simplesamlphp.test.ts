import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Identity } from '../../src/features/connections/identity.entity.js';
import { newId } from '../../src/platform/crypto.js';
import { readIdpMetadata } from '../../src/saml/gate-metadata.js';
import { Browser, type Page, readForm } from '../support/browser.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce, signIn } from '../support/party.js';
import { type Answered, postForm, SamlParty } from '../support/saml/house.js';
import { startServer, type TestServer } from '../support/server.js';
import {
  person as known,
  type SimpleSamlPhp,
  simpleSamlPhpIsHere,
  startSimpleSamlPhp,
} from '../support/simplesamlphp.js';

const PERSISTENT = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent';

/** `apt-get install simplesamlphp php-cli php-xml php-mbstring`; skipped where it is not installed. */
const where = simpleSamlPhpIsHere ? describe : describe.skip;

where('SimpleSAMLphp as identity provider (needs simplesamlphp and php-cli)', () => {
  let server: TestServer;
  let there: SimpleSamlPhp;
  let party: SamlParty;
  /** Of ours, and of theirs: cookies are kept by path. */
  let browser: Browser;
  let theirs: Browser;

  beforeAll(async () => {
    [server, there] = [await startServer(), await startSimpleSamlPhp()];
    const metadata = Buffer.from(await (await fetch(there.entityId)).arrayBuffer());
    const read = await readIdpMetadata(metadata, { now: new Date() });
    if (!read.ok) throw new Error(read.reason);
    const { entity_id, sso, slo, certificates } = read.value;
    party = await SamlParty.open(
      server,
      { name_id_format: PERSISTENT },
      { idpSettings: { entity_id, sso, slo, certificates } },
    );
    there.know(await (await fetch(party.addresses.metadata)).text());
  }, 180_000);
  afterAll(async () => {
    await there?.stop();
    await server?.close();
  });
  beforeEach(async () => {
    [browser, theirs] = [new Browser(), new Browser()];
    party = await party.again();
    there.encrypt(undefined);
  });

  /** To the page of theirs that asks who it is, or that sends what it says at once. */
  const goThere = async (): Promise<Page> => {
    const { address } = await party.carried();
    return theirs.open(address);
  };
  const prove = (page: Page) => theirs.submit(page, { username: known.username, password: known.password });
  const bring = (page: Page): Promise<Answered> => {
    const { action, values } = readForm(page);
    return postForm(action, Object.fromEntries(values));
  };

  it('a sign-in: our signed request is believed, and so is their answer', async () => {
    const answer = await bring(await prove(await goThere()));
    expect(await party.refusals()).toEqual([]);
    expect(answer).toMatchObject({ status: 303, location: expect.stringContaining('/back?handle=') });
    const { identity } = await party.redeem(String(answer.location));
    expect(identity).toMatchObject({
      subject: known.username,
      attributes: { mail: [known.email], groups: ['staff', 'admins'] },
      session: { index: expect.any(String), name_id: { value: known.username, format: PERSISTENT } },
    });
  });

  it('who is signed in there is not asked again, unless we ask for it (ForceAuthn)', async () => {
    await bring(await prove(await goThere()));
    expect((await goThere()).html).toContain('SAMLResponse');
    const forced = await party.carried(await party.begin({ prompt: 'login' }));
    const page = await theirs.open(forced.address);
    expect(page.html).toContain('name="password"');
    expect((await bring(await prove(page))).status).toBe(303);
  });

  it('a request that was changed on its way is not answered', async () => {
    const { address } = await party.carried();
    const changed = address.replace(/Signature=[^&]{8}/, 'Signature=AAAAAAAA');
    expect((await theirs.open(changed)).html).not.toContain('name="password"');
  });

  it('an encrypted assertion is read (AES-GCM)', async () => {
    there.encrypt('AES256_GCM');
    const page = await prove(await goThere());
    const sent = Buffer.from(Object.fromEntries(readForm(page).values).SAMLResponse ?? '', 'base64').toString();
    expect(sent).toContain('EncryptedAssertion');
    expect(sent).not.toContain(known.email);
    const answer = await bring(page);
    expect(await party.refusals()).toEqual([]);
    expect(answer.status).toBe(303);
    expect((await party.redeem(String(answer.location))).identity.subject).toBe(known.username);
  });

  it('one that is encrypted as it comes (AES-CBC) is refused, and the trace says why', async () => {
    there.encrypt('AES128_CBC');
    expect((await bring(await prove(await goThere()))).status).toBe(400);
    expect(await party.refusals()).toMatchObject([{ reason: 'encryption_algorithm' }]);
  });

  describe('single logout', () => {
    let client: Party;
    let somebody: { id: string; email: string };
    const bye = 'https://rp.example/bye';

    beforeAll(async () => {
      client = await makeClient(server, { consent_policy: 'implicit', post_logout_redirect_uris: [bye] });
    });
    beforeEach(async () => {
      somebody = await makePerson(server);
      await signIn(browser, authorizationUrl(server, client, pkce()), somebody.email);
      const answer = await bring(await prove(await goThere()));
      const held = await party.redeem(String(answer.location));
      const { uid } = await session();
      await server.inside(async ({ db, upstreamSessions }) => {
        const of = { connectionId: party.connection.id, subject: known.username };
        await db.repo(Identity).delete(of);
        const made = { ...of, id: newId(), userId: somebody.id, createdAt: new Date() };
        await db.repo(Identity).insert(Object.assign(new Identity(), made));
        expect(await upstreamSessions.remember(uid, held)).toBe(true);
      });
    });

    const session = async (): Promise<{ uid: string; ended_at: Date | null }> =>
      (
        await server.services.db.manager.query('SELECT uid, ended_at FROM sessions WHERE account_id = $1', [
          somebody.id,
        ])
      )[0];

    it('that begins there ends the session here, and is answered so that theirs ends', async () => {
      const request = await theirs.open(`${there.origin}/saml2/idp/initSLO.php?RelayState=${there.origin}/logout.php`);
      expect(request.url.startsWith(`${party.addresses.single_logout_service}?SAMLRequest=`)).toBe(true);
      const answer = await browser.request(request.url);
      expect(await party.refusals()).toEqual([]);
      expect((await session()).ended_at).not.toBeNull();
      const end = await theirs.open(String(answer.headers.get('location')));
      expect(end.status).toBe(200);
      expect(end.url).toContain('/logout.php');
      expect((await goThere()).html).toContain('name="password"');
    });

    it('that begins here ends the session there, and goes on where it was sent', async () => {
      const to = new URLSearchParams({ client_id: client.clientId, post_logout_redirect_uri: bye });
      const asked = await browser.open(`${server.issuer}/logout?${to}`);
      const page = await browser.submit(asked, { logout: 'yes' });
      const address = page.headers.get('refresh')?.replace('0; url=', '') ?? '';
      const answer = await theirs.open(address);
      expect(answer.url.startsWith(`${party.addresses.single_logout_service}?SAMLResponse=`)).toBe(true);
      expect((await browser.open(answer.url)).url).toBe(bye);
      expect(await party.refusals()).toEqual([]);
      expect((await goThere()).html).toContain('name="password"');
    });
  });
});
