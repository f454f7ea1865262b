// What rests on the domains of an organization: whose account its directory signs in, and who they are everywhere. It ends with them.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import type { Services } from '../../src/services.js';
import { Browser, type Page } from '../support/browser.js';
import { comeIn, identity, makeConnection, proveDomain, recorded, signInAt } from '../support/connections.js';
import { comeBack } from '../support/federated.js';
import { makeOrganization, newName } from '../support/invitations.js';
import { isSignedIn } from '../support/journey.js';
import { authorizationUrl, makeClient, makePerson, type Party, password, pkce } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';

describe('by a domain that an organization has proved', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  let acme: Organization;
  let domain: string;
  let email: string;

  beforeAll(async () => {
    server = await startServer();
    party = await makeClient(server, { consent_policy: 'implicit' });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    browser = new Browser();
    acme = await makeOrganization(server);
    domain = `${newName()}.example`;
    email = `ada@${domain}`;
    await proveDomain(server, acme, domain);
  });

  const inside = <T>(work: (services: Services) => Promise<T>) => server.inside(work);
  const ofAcme = () => makeConnection(server, { organization: acme });
  const ada = (more: Record<string, string> = {}) => identity('ada', { email, email_verified: 'true', ...more });
  const link = (id: string, connection: { id: string }) =>
    inside(({ identities }) => identities.link({ id }, connection.id, 'ada'));
  const lose = () =>
    server.services.db.manager.query('UPDATE organization_domains SET verified_at = NULL WHERE organization_id = $1', [
      acme.id,
    ]);

  describe('somebody is known by it alone', () => {
    let connection: Awaited<ReturnType<typeof ofAcme>>;
    let person: Awaited<ReturnType<typeof makePerson>>;

    beforeEach(async () => {
      connection = await ofAcme();
      person = await makePerson(server, email);
    });

    const enter = async (said = ada()): Promise<Page> => {
      browser = new Browser();
      const away = await browser.open(authorizationUrl(server, party, pkce(), { connection: connection.key }));
      return comeBack(server, browser, away, said);
    };
    const isIn = ({ url }: Page) => url.includes('code=');
    const isAsked = ({ html }: Page) => html.includes('id="linking"');
    const prove = async (page: Page, decision: string) => {
      const named = await browser.submit(page, { username: email });
      return browser.submit(await browser.submit(named, { password }), { decision });
    };

    it('and signed in, as long as it is theirs', async () => {
      expect([isIn(await enter()), isIn(await enter())]).toEqual([true, true]);
      expect(await recorded(server, 'identity.linked', connection)).toMatchObject([
        { user_id: person.id, by: 'domain' },
      ]);
    });

    it.each(['their address', 'another address', 'none'])(
      'after it was lost they prove the account first, whatever is said of them: %s',
      async (what) => {
        await enter();
        await lose();
        const elsewhere = await makePerson(server);
        const said = { 'their address': email, 'another address': elsewhere.email, none: '' }[what] ?? '';
        const page = await enter(said ? ada({ email: said }) : identity('ada'));
        expect([isIn(page), isAsked(page), await isSignedIn(server, party, browser)]).toEqual([false, true, false]);
      },
    );

    it('after another organization has proved it, too', async () => {
      await enter();
      await lose();
      await proveDomain(server, await makeOrganization(server), domain);
      expect(isAsked(await enter())).toBe(true);
    });

    it('after they have another address, too: the domain says nothing of that', async () => {
      await enter();
      await inside(async ({ users }) =>
        users.update(await users.find(person.id), { email: `${newName()}@example.com` }),
      );
      expect(isAsked(await enter())).toBe(true);
    });

    it('once they have proved it they are known by that, and not asked again', async () => {
      await enter();
      await lose();
      const end = await prove(await enter(), 'link');
      expect([isIn(end), isIn(await enter())]).toEqual([true, true]);
      const mine = await inside(({ identities }) => identities.of(person));
      expect(mine).toMatchObject([{ subject: 'ada', byDomain: false }]);
    });

    it('whoever would rather not is asked the next time', async () => {
      await enter();
      await lose();
      expect(isIn(await prove(await enter(), 'later'))).toBe(true);
      expect(isAsked(await enter())).toBe(true);
    });

    it('whoever proves another account is not signed in to this one', async () => {
      const other = await makePerson(server);
      await enter();
      await lose();
      const held = await signInAt(server, connection, ada());
      const whose = { proved: other.id };
      expect(await inside(({ provisioning }) => provisioning.decide(held, whose))).toMatchObject({ kind: 'prove' });
      await expect(inside(({ provisioning }) => provisioning.complete(held, whose))).rejects.toMatchObject({
        code: 'proof_needed',
      });
    });

    it('nobody is asked who was linked by an administrator, or has proved it before', async () => {
      await link(person.id, connection);
      await lose();
      expect(isIn(await enter())).toBe(true);
    });
  });

  describe('an account that its directory has made', () => {
    const bob = (subject: string) => identity(subject, { email: `bob@${domain}`, email_verified: 'true' });

    it('opens to it after the domain was lost, as long as it opens to nobody else', async () => {
      const connection = await ofAcme();
      const { user } = await comeIn(server, connection, bob('bob'));
      await lose();
      expect((await comeIn(server, connection, bob('bob'))).user.id).toBe(user.id);
    });

    it('and after another organization has proved the domain and signs them in: never unproved', async () => {
      const connection = await ofAcme();
      const { user } = await comeIn(server, connection, bob('bob'));
      await lose();
      const beta = await makeOrganization(server);
      await proveDomain(server, beta, domain);
      const theirs = await makeConnection(server, { organization: beta });
      expect((await comeIn(server, theirs, bob('bob-of-beta'))).user.id).toBe(user.id);
      const away = await browser.open(authorizationUrl(server, party, pkce(), { connection: connection.key }));
      const asked = await comeBack(server, browser, away, bob('bob'));
      expect([asked.html.includes('id="linking"'), await isSignedIn(server, party, browser)]).toEqual([true, false]);
      const held = await signInAt(server, connection, bob('bob'));
      await expect(inside(({ provisioning }) => provisioning.complete(held))).rejects.toMatchObject({
        code: 'proof_needed',
      });
      expect((await comeIn(server, theirs, bob('bob-of-beta'))).user.id).toBe(user.id);
    });
  });

  describe('who they are', () => {
    const said = () =>
      ada({ name: 'Chief Executive', preferred_username: 'ceo', picture: 'https://elsewhere.example/p.png' });

    it.each(['linked by an administrator', 'linked by themselves', 'of a domain that was lost'])(
      'is said by no organization that does not speak for their address: %s',
      async (how) => {
        const connection = await ofAcme();
        const person = await makePerson(server, how.startsWith('of') ? email : undefined);
        if (how.endsWith('themselves')) {
          const held = await signInAt(server, connection, said(), { purpose: 'link' });
          await inside(({ provisioning }) => provisioning.complete(held, { proved: person.id }));
        } else await link(person.id, connection);
        await lose();
        const { user } = await comeIn(server, connection, said());
        expect([user.id, user.claims]).toEqual([person.id, { name: 'Maria Muster' }]);
        expect((await inside(({ users }) => users.find(person.id))).claims).toEqual({ name: 'Maria Muster' });
      },
    );

    it('is said by the directory of their domain, and by that by which the account was made', async () => {
      const connection = await ofAcme();
      await makePerson(server, email);
      expect((await comeIn(server, connection, said())).user.claims.name).toBe('Chief Executive');
      const bob = (name: string) => identity('bob', { email: `bob@${domain}`, email_verified: 'true', name });
      const { user } = await comeIn(server, connection, bob('Bob'));
      await lose();
      const again = await comeIn(server, connection, bob('Robert'));
      expect([again.user.id, again.user.claims.name]).toEqual([user.id, 'Robert']);
    });
  });
});
