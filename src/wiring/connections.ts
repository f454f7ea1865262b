// The fifth rung, on top of organizations: the identity providers that they and the tenant trust, and who comes in by them.
import type { MailboxProof } from '../features/accounts/mailbox-proof.js';
import { Connection } from '../features/connections/connection.entity.js';
import type { MetadataReader } from '../features/connections/connection-metadata.js';
import { FederatedSignIns } from '../features/connections/federated-sign-ins.js';
import { HomeRealms } from '../features/connections/home-realm.js';
import { Identities } from '../features/connections/identities.js';
import { Newcomers } from '../features/connections/newcomers.js';
import { OrganizationRealms } from '../features/connections/organization-realms.js';
import { OwnIdentities } from '../features/connections/own-identities.js';
import { ProvisionedMembership } from '../features/connections/provisioned-membership.js';
import { Provisioning } from '../features/connections/provisioning.js';
import { Recorder } from '../features/connections/recorder.js';
import { Situations } from '../features/connections/situations.js';
import { TraceValidation } from '../features/connections/trace-validation.js';
import { UpstreamEndings } from '../features/connections/upstream-endings.js';
import { UpstreamSessions } from '../features/connections/upstream-sessions.js';
import { isAnotherWay } from '../features/connections/ways-in.js';
import { openConnectionSettings } from './connection-settings.js';
import type { Ground } from './ground.js';
import type { Organizations } from './organizations.js';
import type { People } from './people.js';

export type Connections = ReturnType<typeof openConnections>;

/** @param late who stands above: what a proved address means for its account. */
export function openConnections(
  ground: Ground,
  people: People,
  organizations: Organizations,
  late: () => { mailboxProof: Pick<MailboxProof, 'proved'> },
) {
  const homeRealms = new HomeRealms(ground.db, ground.caching);
  const comings = openComings(ground, people, organizations, homeRealms, late);
  const settings = openConnectionSettings(ground, organizations, readMetadata, {
    ended: (connection) => comings.upstreamEndings.connectionEnded(connection),
    isKnown: ({ id }) => comings.identities.areOf(id),
    known: ({ id }) => comings.identities.countOf(id),
  });
  const { identities, provisioning, organizationRealms } = comings;
  const ownIdentities = new OwnIdentities(
    ...([ground.db, identities, provisioning, homeRealms, organizationRealms] as const),
  );
  return { ...settings, ...comings, homeRealms, ownIdentities };
}

/** Loaded with the first metadata: many servers never read any. */
const readMetadata: MetadataReader = async (octets, asked) => {
  const { readIdpMetadata } = await import('../saml/gate-metadata.js');
  return readIdpMetadata(octets, asked);
};

/** Who comes in by them, and who they are then. */
function openComings(
  { db, audit, clock, sealer, tenants, traces, protocol, jobs, rateLimits, limits }: Ground,
  { users, registrations, passwords, passkeys, factorLetters }: People,
  { memberships, teams }: Organizations,
  homeRealms: HomeRealms,
  late: Parameters<typeof openConnections>[3],
) {
  const upstreamSessions = new UpstreamSessions(db, sealer, clock, protocol.sessions);
  const identities = new Identities(db, sealer, audit, clock, users, upstreamSessions, {
    async hasAnotherWay(user) {
      const { first_factors: firstFactors } = (await tenants.current()).settings.authentication;
      const mine = { password: await passwords.has(user), passkeys: await passkeys.of(user.id) };
      return isAnotherWay({ ...mine, firstFactors, mailbox: user.emailVerified });
    },
    async unlinked(user, { connectionId }) {
      const connection = await db.repo(Connection).findOneBy({ id: connectionId });
      await factorLetters.removed(user, 'identity', connection?.displayName);
    },
  });
  const recorder = new Recorder(db, traces, audit, tenants, clock);
  const issuer = async () => tenants.issuerOf(await tenants.current());
  const provisioning = new Provisioning(
    ...([db, audit, clock, users, identities, new Situations(db, homeRealms)] as const),
    new ProvisionedMembership(db, memberships, teams),
    recorder,
    new Newcomers(
      rateLimits.limiter({ name: 'federation_newcomer', ...limits.federationNewcomer }),
      rateLimits.limiter({ name: 'federation_newcomers', ...limits.federationNewcomers }),
    ),
    {
      async proved(user, by) {
        const how = by === 'registrant' ? by : { flow: undefined };
        return (await late().mailboxProof.proved(user, how)).user;
      },
      linked: (user, { displayName }) => factorLetters.added(user, 'identity', displayName),
      unproved: (userId, flow) => registrations.remember(userId, flow),
    },
  );
  return {
    federatedSignIns: new FederatedSignIns(db, sealer, clock, recorder, issuer),
    provisioning,
    identities,
    upstreamSessions,
    organizationRealms: new OrganizationRealms(db),
    upstreamEndings: new UpstreamEndings(db, clock, protocol.sessions, jobs),
    traceValidation: new TraceValidation(db, traces),
  };
}
