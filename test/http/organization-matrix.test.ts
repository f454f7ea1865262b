import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { endpointsOf } from '../../src/endpoints.js';
import { Connection } from '../../src/features/connections/connection.entity.js';
import { Invitation } from '../../src/features/invitations/invitation.entity.js';
import { ROLES } from '../../src/features/organizations/hierarchy.js';
import { managementScopes } from '../../src/management.js';
import { newId } from '../../src/platform/crypto.js';
import type { Endpoint } from '../../src/platform/endpoint.js';
import type { Services } from '../../src/services.js';
import { type Answer, ask, tokenWith } from '../support/api.js';
import { bodyFor } from '../support/bodies.js';
import { CertificateMaker } from '../support/client-certificates.js';
import { samlSettings } from '../support/connection-settings.js';
import { NameServer } from '../support/name-server.js';
import { organizationOf, type Signed, signedIn } from '../support/organization-house.js';
import { makePerson } from '../support/party.js';
import { startServer, type TestServer } from '../support/server.js';
import { at } from '../support/tenancy.js';
import { deliveryFor } from '../support/webhook-receiver.js';

type Lowest = (typeof ROLES)[number] | 'tokens';

/** Everything below organizations, and who may ask it by session. Whoever adds an endpoint says here that it was thought about. */
const listed: Record<string, Lowest> = {
  'get /organizations': 'member',
  'post /organizations': 'member',
  'get /organizations/:organization': 'member',
  'put /organizations/:organization': 'admin',
  'patch /organizations/:organization': 'admin',
  'delete /organizations/:organization': 'owner',
  'put /organizations/:organization/suspension': 'tokens',
  'delete /organizations/:organization/suspension': 'tokens',
  'get /organizations/:organization/members': 'member',
  // Whom nobody asked is made a member by the tenant alone.
  'post /organizations/:organization/members': 'tokens',
  'get /organizations/:organization/members/:user_id': 'member',
  'put /organizations/:organization/members/:user_id': 'admin',
  // Themselves, whatever they are; somebody else takes an admin.
  'delete /organizations/:organization/members/:user_id': 'member',
  'put /organizations/:organization/members/:user_id/suspension': 'admin',
  'delete /organizations/:organization/members/:user_id/suspension': 'admin',
  'post /organizations/:organization/members/bulk': 'admin',
  'get /organizations/:organization/history': 'admin',
  'get /organizations/:organization/members/:user_id/history': 'admin',
  'get /organizations/:organization/statistics': 'admin',
  'get /organizations/:organization/roles': 'member',
  'post /organizations/:organization/roles': 'admin',
  'get /organizations/:organization/roles/:role_id': 'member',
  'patch /organizations/:organization/roles/:role_id': 'admin',
  'delete /organizations/:organization/roles/:role_id': 'admin',
  'get /organization-roles': 'tokens',
  'post /organization-roles': 'tokens',
  'get /organization-roles/:role_id': 'tokens',
  'patch /organization-roles/:role_id': 'tokens',
  'delete /organization-roles/:role_id': 'tokens',
  'get /organizations/:organization/teams': 'member',
  'post /organizations/:organization/teams': 'admin',
  'get /organizations/:organization/teams/:team_id': 'member',
  'patch /organizations/:organization/teams/:team_id': 'admin',
  'delete /organizations/:organization/teams/:team_id': 'admin',
  'get /organizations/:organization/teams/:team_id/members': 'member',
  'put /organizations/:organization/teams/:team_id/members/:user_id': 'admin',
  'delete /organizations/:organization/teams/:team_id/members/:user_id': 'admin',
  'get /organizations/:organization/connections': 'admin',
  'post /organizations/:organization/connections': 'owner',
  'get /organizations/:organization/connections/:connection_id': 'admin',
  'patch /organizations/:organization/connections/:connection_id': 'owner',
  'delete /organizations/:organization/connections/:connection_id': 'owner',
  'put /organizations/:organization/connections/:connection_id/enablement': 'owner',
  'delete /organizations/:organization/connections/:connection_id/enablement': 'owner',
  'get /organizations/:organization/connections/:connection_id/service-provider': 'admin',
  'post /organizations/:organization/connections/:connection_id/keys': 'owner',
  'post /organizations/:organization/connections/:connection_id/mapping-previews': 'admin',
  'post /organizations/:organization/connections/:connection_id/refreshes': 'owner',
  'get /organizations/:organization/branding': 'member',
  'put /organizations/:organization/branding': 'admin',
  'patch /organizations/:organization/branding': 'admin',
  'put /organizations/:organization/branding/logo': 'admin',
  'delete /organizations/:organization/branding/logo': 'admin',
  'get /organizations/:organization/webhooks': 'admin',
  'post /organizations/:organization/webhooks': 'admin',
  'get /organizations/:organization/webhooks/:webhook_id': 'admin',
  'patch /organizations/:organization/webhooks/:webhook_id': 'admin',
  'delete /organizations/:organization/webhooks/:webhook_id': 'admin',
  'put /organizations/:organization/webhooks/:webhook_id/enablement': 'admin',
  'delete /organizations/:organization/webhooks/:webhook_id/enablement': 'admin',
  'post /organizations/:organization/webhooks/:webhook_id/secrets': 'admin',
  'post /organizations/:organization/webhooks/:webhook_id/tests': 'admin',
  'get /organizations/:organization/webhooks/:webhook_id/deliveries': 'admin',
  'get /organizations/:organization/webhooks/:webhook_id/deliveries/:delivery_id': 'admin',
  'post /organizations/:organization/webhooks/:webhook_id/deliveries/:delivery_id/replays': 'admin',
  'post /organizations/:organization/webhooks/:webhook_id/replays': 'admin',
  'get /organizations/:organization/domains': 'admin',
  'post /organizations/:organization/domains': 'admin',
  'get /organizations/:organization/domains/:domain_id': 'admin',
  'patch /organizations/:organization/domains/:domain_id': 'admin',
  'delete /organizations/:organization/domains/:domain_id': 'admin',
  'post /organizations/:organization/domains/:domain_id/verification': 'admin',
  'get /organizations/:organization/invitations': 'admin',
  'post /organizations/:organization/invitations': 'admin',
  'post /organizations/:organization/invitations/bulk': 'admin',
  'get /organizations/:organization/invitations/:invitation_id': 'admin',
  'delete /organizations/:organization/invitations/:invitation_id': 'admin',
  'post /organizations/:organization/invitations/:invitation_id/letters': 'admin',
  'get /organizations/:organization/invitation-templates': 'admin',
  'post /organizations/:organization/invitation-templates': 'admin',
  'get /organizations/:organization/invitation-templates/:template_id': 'admin',
  'patch /organizations/:organization/invitation-templates/:template_id': 'admin',
  'delete /organizations/:organization/invitation-templates/:template_id': 'admin',
};
const takesAnAdmin = ['delete /organizations/:organization/members/:user_id'];

const endpoints = endpointsOf({} as Services).filter(({ path }) => path.startsWith('/organization'));
const nameOf = ({ method, path }: { method: string; path: string }) => `${method} ${path}`;
const cases = endpoints.map((endpoint) => [nameOf(endpoint), endpoint] as const);
const inOne = cases.filter(([, { path }]) => path.includes(':organization'));
const bySession = inOne.filter(([, { member }]) => member);

describe('every endpoint of organizations, asked by everybody', () => {
  let server: TestServer;
  const people: Record<'member' | 'admin' | 'owner' | 'suspended' | 'outsider' | 'elsewhere', Signed> = {} as never;
  let target: { id: string };
  const dns = new NameServer();
  const maker = new CertificateMaker();
  const certificate = maker.selfSigned().cert;

  beforeAll(async () => {
    server = await startServer({ overrides: { dns: { resolveTxt: dns.resolveTxt } } });
    const other = await server.inside(({ tenants }) =>
      tenants.create({ slug: 'elsewhere', name: 'Elsewhere', settings: { organizations: { creation: 'open' } } }),
    );
    for (const who of ['member', 'admin', 'owner', 'suspended', 'outsider'] as const)
      people[who] = await signedIn(server);
    people.elsewhere = await signedIn(at(server, other));
    target = await makePerson(server);
  }, 180_000);
  afterAll(async () => {
    maker.remove();
    await server?.close();
  });

  /** A new organization, with everything that a path can name. */
  async function furnished(): Promise<Record<string, string>> {
    const { member, admin, owner, suspended } = people;
    const organization = await organizationOf(server, {
      [member.id]: 'member',
      [admin.id]: 'admin',
      [owner.id]: 'owner',
      [suspended.id]: 'admin',
      [target.id]: 'member',
    });
    const ids = await server.inside(async (services) => {
      const { organizationRoles, teams, memberships, domains, invitations, invitationTemplates, db } = services;
      await memberships.suspend(organization, suspended.id, 'x');
      const role = await organizationRoles.create(organization, { key: 'clerk', name: 'Clerk', rank: 1 });
      const team = await teams.create(organization, { slug: 'sales', name: 'Sales' });
      const domain = await domains.create(organization, { domain: `${organization.slug}.example` });
      dns.put(`_ostiary-challenge.${domain.domain}`, `ostiary-domain-verification=${domain.challenge}`);
      // Written down: a key for each would take as long as everything else.
      const connection = await db.repo(Connection).insert(
        Object.assign(new Connection(), {
          ...{
            id: newId(),
            organizationId: organization.id,
            key: organization.slug,
            kind: 'saml',
            displayName: 'There',
          },
          ...{ storedSettings: samlSettings(certificate), createdAt: new Date(), updatedAt: new Date() },
        }),
      );
      const { webhook } = await services.webhooks.create(organization, {
        url: 'https://there.example/hook',
        events: ['client.deleted'],
      });
      const template = await invitationTemplates.create(organization, { name: 'There', message: 'There' });
      const invitation = await invitations.create(organization, { email: 'invited@there.example' });
      // Another letter is sent after a while only.
      await db.repo(Invitation).update({ id: invitation.id }, { sentAt: new Date(Date.now() - 3_600_000) });
      return {
        role_id: role.id,
        team_id: team.id,
        domain_id: domain.id,
        connection_id: connection.id,
        webhook_id: webhook.id,
        delivery_id: await deliveryFor(db, services.clock, webhook),
        template_id: template.id,
        invitation_id: invitation.id,
      };
    });
    return { organization: organization.slug, user_id: target.id, ...ids };
  }

  const fill = (path: string, ids: Record<string, string>) =>
    path.replace(/:(\w+)/g, (_all, name: string) => encodeURIComponent(ids[name] ?? randomUUID())) +
    (path.endsWith('/statistics') ? '?from=2026-01-01&to=2026-02-01' : '');

  async function asked(who: Signed, name: string, headers?: Record<string, string>): Promise<Answer> {
    const { method, path, body } = endpoints.find((one) => nameOf(one) === name) as Endpoint;
    const ids = await furnished();
    const fresh = {
      ...ids,
      user_id: (await makePerson(server)).id,
      slug: `${ids.organization}-x`,
      key: `${ids.organization}-x`,
    };
    return who.ask(method, fill(path, ids), body && bodyFor(body, fresh), headers);
  }
  const said = ({ status, body }: Answer) => [status, body.code ?? null];

  it('is listed here with the lowest role that may ask it', () => {
    const declared = endpoints.map((endpoint) => [nameOf(endpoint), endpoint.member ?? 'tokens']);
    expect(Object.fromEntries(declared)).toEqual(listed);
  });

  it.each(inOne)('%s: whoever has the role, and nobody below it', async (name, { member }) => {
    const lowest = takesAnAdmin.includes(name) ? 'admin' : member;
    for (const role of ROLES) {
      const answer = await asked(people[role], name);
      const may = lowest && ROLES.indexOf(role) <= ROLES.indexOf(lowest);
      const refused = member ? [403, 'role_too_low'] : [401, 'unauthorized'];
      expect([role, ...(may ? [answer.status < 300] : said(answer))]).toEqual([role, ...(may ? [true] : refused)]);
    }
  });

  it.each(bySession)(
    '%s: for an outsider, a suspended member and one of another tenant as for none at all',
    async (name, endpoint) => {
      const unknown = { organization: randomUUID(), user_id: target.id };
      const body = endpoint.body && bodyFor(endpoint.body, { user_id: target.id });
      const none = await people.outsider.ask(endpoint.method, fill(endpoint.path, unknown), body);
      expect(none.status).toBe(404);
      const words = ({ body: { instance, request_id, trace_id, ...rest } }: Answer) => rest;
      for (const who of ['outsider', 'suspended', 'elsewhere'] as const) {
        const answer = await asked(people[who], name);
        expect([who, answer.status, words(answer)]).toEqual([who, 404, words(none)]);
      }
    },
  );

  it.each(bySession.filter(([, { method }]) => method !== 'get'))(
    '%s: changes nothing without the CSRF token of the session',
    async (name) => expect(said(await asked(people.owner, name, {}))).toEqual([403, 'csrf']),
  );

  it.each(cases)('%s: for a token without its scope', async (_name, { method, path, scope, body }) => {
    const without = Object.keys(managementScopes).filter((one) => one !== scope);
    const token = await tokenWith(server, without.join(' '));
    const answer = await ask(server, token, method, fill(path, await furnished()), body && bodyFor(body));
    expect(said(answer)).toEqual([403, 'insufficient_scope']);
  });

  it.each(bySession)(
    '%s: for everybody of a suspended organization as for none at all',
    async (_name, { method, path, body }) => {
      const ids = await furnished();
      await server.inside(async ({ organizations }) =>
        organizations.suspend(await organizations.find(ids.organization ?? ''), 'unpaid'),
      );
      for (const role of ROLES) {
        const answer = await people[role].ask(method, fill(path, ids), body && bodyFor(body, ids));
        expect([role, answer.status]).toEqual([role, 404]);
      }
    },
  );

  const aged = ({ id }: Signed) =>
    server.services.db.manager.query(
      `UPDATE sessions SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::bigint - 700)) WHERE account_id = $1`,
      [id],
    );

  it('asks for a new proof where it takes an owner', async () => {
    const stale = await signedIn(server);
    const organization = await organizationOf(server, { [stale.id]: 'owner' });
    await aged(stale);
    const at = `/organizations/${organization.slug}`;
    expect((await stale.ask('patch', at, { name: 'Other' })).status).toBe(200);
    expect(said(await stale.ask('delete', at))).toEqual([401, 'step_up_required']);
  });

  const changes = bySession.filter(([, { method }]) => method !== 'get');

  it.each(changes)(
    '%s says which proof it takes of a person, and takes it',
    async (_name, { method, path, body, proof }) => {
      expect(['always', 'never', 'function']).toContain(typeof proof === 'function' ? 'function' : proof);
      const stale = await signedIn(server);
      const { slug } = await organizationOf(server, { [stale.id]: 'owner', [target.id]: 'owner' });
      await aged(stale);
      const ids = { organization: slug, user_id: target.id };
      const answer = await stale.ask(method, fill(path, ids), body && bodyFor(body, ids));
      // Of others it depends on what is said; here an owner is touched by the path.
      if (typeof proof !== 'function' || path.includes(':user_id'))
        expect(answer.status === 401).toBe(proof !== 'never');
    },
  );

  it('asks for a new proof where ownership is given or taken, and where the policy is changed, as on the pages', async () => {
    const [stale, owner, plain] = [await signedIn(server), await makePerson(server), await makePerson(server)];
    const { slug } = await organizationOf(server, { [stale.id]: 'owner', [owner.id]: 'owner', [plain.id]: 'member' });
    const at = `/organizations/${slug}`;
    const setting = { policy: { ip_allow_list: ['127.0.0.0/8', '::1/128'] } };
    const of = (id: string) => `${at}/members/${id}`;
    const each = (...operations: object[]) => ['post', `${at}/members/bulk`, { operations }] as const;
    const taking = [
      ['patch', at, { settings: setting }],
      ['patch', at, { settings: { policy: null } }],
      ['put', at, { slug, name: 'Other', settings: {} }],
      ['put', of(plain.id), { role: 'owner' }],
      ['put', of(owner.id), { role: 'member' }],
      ['put', `${of(owner.id)}/suspension`, { reason: 'x' }],
      ['delete', of(owner.id)],
      each({ op: 'resume', user_id: plain.id }, { op: 'change', user_id: plain.id, role: 'owner' }),
      each({ op: 'resume', user_id: plain.id }, { op: 'remove', user_id: owner.id }),
      ['post', `${at}/invitations`, { email: 'boss@there.example', role: 'owner' }],
      ['post', `${at}/invitations/bulk`, { invitations: [{ email: 'boss@there.example', role: 'owner' }] }],
    ] as const;
    const free = [
      ['patch', at, { settings: { branding: { company_name: 'Acme' } } }],
      ['put', of(plain.id), { role: 'admin' }],
      each({ op: 'change', user_id: plain.id, role: 'member' }),
      ['post', `${at}/invitations`, { email: 'clerk@there.example', role: 'admin' }],
    ] as const;
    await aged(stale);
    for (const [method, path, body] of taking)
      expect([method, path, ...said(await stale.ask(method, path, body))]).toEqual([
        method,
        path,
        401,
        'step_up_required',
      ]);
    for (const [method, path, body] of free) {
      const { status } = await stale.ask(method, path, body);
      expect([method, path, status < 300]).toEqual([method, path, true]);
    }
    // Whoever goes does so by themselves.
    expect((await stale.ask('delete', of(stale.id))).status).toBe(204);
  });
});
