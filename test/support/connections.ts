// Connections and sign-ins at them, as services: what a door would do in between is done here by its verbs alone.
import { randomBytes } from 'node:crypto';
import { Connection } from '../../src/features/connections/connection.entity.js';
import type { Asked, Binding, Held } from '../../src/features/connections/federated-sign-in.js';
import { CONNECTIONS_TOPIC } from '../../src/features/connections/home-realm.js';
import type { UpstreamIdentity } from '../../src/features/connections/upstream-identity.js';
import type { OrganizationDomain } from '../../src/features/domains/domain.entity.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { currentTenantId } from '../../src/platform/context.js';
import { newId } from '../../src/platform/crypto.js';
import type { Services } from '../../src/services.js';
import { newName } from './invitations.js';
import type { TestServer } from './server.js';

export const browser = (id = randomBytes(8).toString('hex')): Binding => ({ kind: 'interaction', id });

/** A row, enabled unless said otherwise; of an OpenID provider, which is asked nothing. */
export function makeConnection(
  server: TestServer,
  {
    organization,
    enabled = true,
    ...settings
  }: { organization?: Pick<Organization, 'id'>; enabled?: boolean } & Record<string, unknown> = {},
): Promise<Connection> {
  const now = new Date();
  const connection = Object.assign(new Connection(), {
    id: newId(),
    organizationId: organization?.id ?? null,
    key: `c-${newName()}`,
    kind: 'oidc',
    displayName: 'Acme',
    storedSettings: { oidc: { issuer: 'https://idp.example', client_id: 'us' }, ...settings },
    enabledAt: enabled ? now : null,
    createdAt: now,
    updatedAt: now,
  });
  return server.inside(async ({ db, caching }) => {
    await db.repo(Connection).insert(connection);
    await caching.publish(CONNECTIONS_TOPIC, currentTenantId());
    return connection;
  });
}

/** As DNS had said it. */
export async function proveDomain(
  server: TestServer,
  organization: Organization,
  domain: string,
): Promise<OrganizationDomain> {
  const claim = await server.inside(({ domains }) => domains.create(organization, { domain } as never));
  await server.services.db.manager.query('UPDATE organization_domains SET verified_at = now() WHERE id = $1', [
    claim.id,
  ]);
  return claim;
}

export const identity = (
  subject: string,
  attributes: Record<string, string> = {},
  more: Partial<UpstreamIdentity> = {},
): UpstreamIdentity => ({
  subject,
  attributes: Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, value.split(',')])),
  ...more,
});

export const handleIn = (location: string): string => new URL(location).searchParams.get('handle') ?? '';

/** Up to where the browser comes back with an answer that was believed. */
export async function heldAt(
  { federatedSignIns }: Services,
  connection: Connection,
  person: UpstreamIdentity,
  { binding = browser(), ...asked }: Partial<Asked> & { binding?: Binding } = {},
): Promise<string> {
  const begun = await federatedSignIns.begin(connection, { binding, purpose: 'sign_in', back: '/back', ...asked });
  const started = await federatedSignIns.start(connection.id, begun.handle);
  const { state } = await federatedSignIns.sent(started, { nonce: 'n' });
  const answered = await federatedSignIns.answered(connection.id, state);
  if (!answered) throw new Error('nobody waits for the answer');
  return handleIn(await federatedSignIns.hold(answered, person, [{ check: 'nonce', passed: true }]));
}

/** And redeemed, in the browser that asked. */
export async function signInAt(
  server: TestServer,
  connection: Connection,
  person: UpstreamIdentity,
  asked: Partial<Asked> = {},
): Promise<Held> {
  return server.inside(async (services) => {
    const binding = browser();
    return services.federatedSignIns.redeem(await heldAt(services, connection, person, { ...asked, binding }), binding);
  });
}

/** Whoever comes in by it. */
export const comeIn = async (
  server: TestServer,
  connection: Connection,
  person: UpstreamIdentity,
  whose: { proved?: string } = {},
) => {
  const held = await signInAt(server, connection, person);
  return server.inside(({ provisioning }) => provisioning.complete(held, whose));
};

export const recorded = async (
  server: TestServer,
  name: string,
  connection: Connection,
): Promise<Record<string, unknown>[]> =>
  (
    await server.services.db.manager.query(
      `SELECT data FROM audit_events WHERE name = $1 AND data ->> 'connection_id' = $2 ORDER BY id`,
      [name, connection.id],
    )
  ).map(({ data }: { data: Record<string, unknown> }) => data);
