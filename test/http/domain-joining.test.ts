import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { OrganizationDomain } from '../../src/features/domains/domain.entity.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { Browser } from '../support/browser.js';
import {
  asPerson,
  eventsOf,
  invitationLink,
  invite,
  makeOrganization,
  membershipOf,
  newName,
} from '../support/invitations.js';
import { letterTo, linkIn } from '../support/mailbox.js';
import { NameServer } from '../support/name-server.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { generous } from '../support/sign-in-letters.js';

describe('joining an organization by the domain of one’s address', () => {
  const dns = new NameServer();
  let server: TestServer;
  let acme: Organization;
  let name: string;
  let email: string;

  beforeAll(async () => {
    server = await startServer({ overrides: { letters: generous, dns: { resolveTxt: dns.resolveTxt } } });
  }, 180_000);
  afterAll(() => server?.close());
  beforeEach(async () => {
    acme = await makeOrganization(server);
    name = `${newName()}.example`;
    email = `maria@${name}`;
  });

  const claim = (more: object = { auto_join: 'member' }, at = acme): Promise<OrganizationDomain> =>
    server.inside(({ domains }) => domains.create(at, { domain: name, ...more } as never));
  const open = async (more: object = { auto_join: 'member' }): Promise<OrganizationDomain> => {
    const one = await claim(more);
    dns.put(`_ostiary-challenge.${name}`, `ostiary-domain-verification=${one.challenge}`);
    return server.inside(({ domains }) => domains.verify(acme, one));
  };
  const make = (address = email, email_verified = false) =>
    server.inside(({ users }) => users.create({ email: address, email_verified } as never));
  const say = (id: string, email_verified: boolean) =>
    server.inside(async ({ users }) => users.update(await users.find(id), { email_verified }));
  const isMember = async (id: string) => (await membershipOf(server, acme, id)) !== undefined;
  const joinAll = ({ id: domain_id }: { id: string }) =>
    server.inside(({ domainJoining }) => domainJoining.joinAll({ domain_id }));

  describe('whoever proves the address is a member in that transaction', () => {
    it('by an administrator’s word: at once, or later', async () => {
      await open();
      expect(await isMember((await make(email, true)).id)).toBe(true);
      const { id } = await make(`jonas@${name.toUpperCase()}`);
      expect(await isMember(id)).toBe(false);
      await say(id, true);
      expect(await membershipOf(server, acme, id)).toMatchObject({ role: 'member', permissions: [] });
    });

    it('by the letter that asks for it', async () => {
      await open();
      const { id } = await make();
      await server.inside(({ emailVerification }) => emailVerification.resend(email));
      const browser = new Browser();
      const link = linkIn(await letterTo(server, email, /verify-email/));
      const form = await browser.open(link);
      expect(await isMember(id)).toBe(false);
      await browser.submit(form, {});
      expect(await isMember(id)).toBe(true);
    });

    it('by another address that is theirs from then on, and not while it is only asked for', async () => {
      await open();
      const { id } = await makePerson(server);
      const token = await server.inside(async ({ emailChange, oneTimeTokens, users }) => {
        const user = await users.find(id);
        await emailChange.request(user, email, 'session');
        const data = { from: user.email, to: email };
        return oneTimeTokens.issue('email_change', id, { flow: 'session', data });
      });
      expect(await isMember(id)).toBe(false);
      await server.inside(async ({ emailChange, users }) =>
        emailChange.confirm(token, await users.find(id), 'session'),
      );
      expect(await isMember(id)).toBe(true);
    });

    it('with the teams that there still are', async () => {
      const team = () =>
        server.services.db.manager
          .query(
            `INSERT INTO teams (tenant_id, id, organization_id, slug, name, created_at, updated_at)
             VALUES ($1, gen_random_uuid(), $2, $3, 'A team', now(), now()) RETURNING id`,
            [acme.tenantId, acme.id, `team-${newName()}`],
          )
          .then(([row]) => String(row.id));
      const [stays, goes] = [await team(), await team()];
      await open({ auto_join: 'member', teams: [stays, goes] });
      await server.services.db.manager.query('DELETE FROM teams WHERE id = $1', [goes]);
      const { id } = await make(email, true);
      const rows = await server.services.db.manager.query('SELECT team_id FROM team_members WHERE user_id = $1', [id]);
      expect(rows).toEqual([{ team_id: stays }]);
    });
  });

  describe('nobody does', () => {
    it('on a domain that was not proved, or is not proved any more', async () => {
      const one = await claim();
      expect(await isMember((await make(email, true)).id)).toBe(false);
      await joinAll(one);
      await server.services.db.manager.query('UPDATE organization_domains SET verified_at = NULL WHERE id = $1', [
        one.id,
      ]);
      expect(await isMember((await make(`b@${name}`, true)).id)).toBe(false);
    });

    it('where it is not turned on', async () => {
      await open({});
      expect(await isMember((await make(email, true)).id)).toBe(false);
    });

    it('with an address that is not proved', async () => {
      const one = await open();
      const { id } = await make();
      await joinAll(one);
      await say(id, false);
      expect(await isMember(id)).toBe(false);
    });

    it.each([
      ['below it', (domain: string) => `maria@sub.${domain}`],
      ['above it', (domain: string) => `maria@${domain.split('.').slice(1).join('.')}`],
      ['that ends alike', (domain: string) => `maria@x${domain}`],
      ['that begins alike', (domain: string) => `maria@${domain}.evil.example`],
      ['that has it in front', (domain: string) => `${domain}@evil.example`],
    ])('with an address of a domain %s', async (_what, of) => {
      const one = await open();
      const address = of(name).replace('maria@example', `maria-${newName()}@example`);
      const { id } = await make(address, true);
      await joinAll(one);
      expect(await isMember(id)).toBe(false);
    });

    it('into a suspended organization', async () => {
      const one = await open();
      await server.inside(({ organizations }) => organizations.suspend(acme, 'a reason'));
      const { id } = await make(email, true);
      await joinAll(one);
      await server.inside(({ organizations }) => organizations.resume(acme));
      expect(await isMember(id)).toBe(false);
      await joinAll(one);
      expect(await isMember(id)).toBe(true);
    });

    it('of a domain that the organization takes nobody from', async () => {
      await open();
      await server.inside(({ organizations }) =>
        organizations.update(acme, { settings: { invitations: { denied_domains: [name] } } } as never),
      );
      expect(await isMember((await make(email, true)).id)).toBe(false);
    });

    it('who may not come in', async () => {
      const one = await open();
      const { id } = await make();
      await server.inside(async ({ users }) => users.disable(await users.find(id)));
      await say(id, true);
      await joinAll(one);
      expect(await isMember(id)).toBe(false);
    });

    it('who is invited: they join with what they were offered, and by their domain when nothing is offered any more', async () => {
      const one = await open();
      const { id: invitation } = await invite(server, acme, { email, role: 'admin' });
      const { id } = await make();
      await say(id, true);
      await joinAll(one);
      expect(await isMember(id)).toBe(false);
      const link = await invitationLink(server, email);
      await server.inside(async ({ users, invitationAnswers }) => {
        const token = String(new URL(link).searchParams.get('token'));
        await invitationAnswers.accept(token, await users.find(id), async () => true);
      });
      expect(await membershipOf(server, acme, id)).toMatchObject({ role: 'admin' });
      expect(await eventsOf(server, invitation)).toEqual(['invitation.created', 'invitation.accepted']);

      const other = await invite(server, acme, { email: `b@${name}` });
      const late = await make(`b@${name}`, true);
      await server.inside(({ invitations }) => invitations.cancel(acme, other));
      await joinAll(one);
      expect(await isMember(late.id)).toBe(true);
    });

    it('again who was removed, or left, however often the address is proved', async () => {
      const one = await open();
      const [removed, left] = [await make(email, true), await make(`b@${name}`, true)];
      await server.inside(({ memberships }) => memberships.remove(acme, removed.id));
      await asPerson(server, left, ({ memberships }) => memberships.leave(acme));
      for (const { id } of [removed, left]) {
        await say(id, false);
        await say(id, true);
      }
      await joinAll(one);
      expect([await isMember(removed.id), await isMember(left.id)]).toEqual([false, false]);
    });
  });

  describe('those who are there already', () => {
    const until = async (done: () => Promise<boolean>) => {
      for (let tries = 0; tries < 300 && !(await done()); tries += 1) await new Promise((next) => setTimeout(next, 20));
      return done();
    };

    it('join by the job, when it is turned on and when the domain is proved', async () => {
      const { id } = await make(email, true);
      const one = await open();
      expect(await until(() => isMember(id))).toBe(true);
      await joinAll(one);
      expect(await membershipOf(server, acme, id)).toMatchObject({ version: 1 });

      acme = await makeOrganization(server);
      name = `${newName()}.example`;
      const later = await make(`c@${name}`, true);
      const closed = await open({});
      await server.inside(({ domains }) => domains.update(acme, closed, { auto_join: 'member' }));
      expect(await until(() => isMember(later.id))).toBe(true);
    });

    it('are passed over where they cannot; what is left when the job has to stop is another job', async () => {
      const { id } = await make(email, true);
      const one = await claim();
      await server.services.db.manager.query('UPDATE organization_domains SET verified_at = now() WHERE id = $1', [
        one.id,
      ]);
      await server.inside(({ domainJoining }) => domainJoining.joinAll({ domain_id: one.id }, AbortSignal.abort()));
      expect(await until(() => isMember(id))).toBe(true);
    });
  });
});
