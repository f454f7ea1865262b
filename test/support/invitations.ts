// Organizations that invite people, and people who are invited: as services, as letters, and as pages in a browser.
import { randomBytes } from 'node:crypto';
import type { CreateInvitation } from '../../src/features/invitations/invitation.schema.js';
import type { Role } from '../../src/features/organizations/hierarchy.js';
import type { Organization } from '../../src/features/organizations/organization.entity.js';
import { withContext } from '../../src/platform/context.js';
import type { Services } from '../../src/services.js';
import type { Browser, Page } from './browser.js';
import { letterTo, linkIn } from './mailbox.js';
import { makePerson } from './party.js';
import type { TestServer } from './server.js';

export const newName = (): string => randomBytes(5).toString('hex');

export const makeOrganization = (server: TestServer, settings: object = {}): Promise<Organization> =>
  server.inside(({ organizations }) =>
    organizations.create({ slug: `org-${newName()}`, name: 'Acme & Söhne', settings } as never),
  );

/** Somebody with an account, as a member. */
export async function makeMember(server: TestServer, organization: Organization, role: Role = 'member') {
  const person = await makePerson(server);
  await server.inside(({ memberships }) =>
    memberships.add(organization, { user_id: person.id, role }, { kind: 'added' }),
  );
  return person;
}

/** As this person in the session of their account: their membership decides. */
export const asPerson = <T>(
  server: TestServer,
  { id }: { id: string },
  work: (services: Services) => Promise<T>,
): Promise<T> => server.inside((services) => withContext({ actor: { type: 'user', id } }, () => work(services)));

export const invite = (server: TestServer, organization: Organization, input: CreateInvitation) =>
  server.inside(({ invitations }) => invitations.create(organization, input));

/** Of the newest letter. */
export const invitationLink = async (server: TestServer, email: string): Promise<string> =>
  linkIn(await letterTo(server, email, /\/invitation\?token=/));

export const answer = async (browser: Browser, link: string, decision: 'accept' | 'decline'): Promise<Page> =>
  browser.submit(await browser.open(link), { answer: decision });

export const membershipOf = (server: TestServer, organization: Organization, userId: string) =>
  server.inside(({ memberships }) => memberships.find(organization, userId)).catch(() => undefined);

/** Of the record, by the invitation or the domain they are about. */
export const eventsOf = async (server: TestServer, id: string): Promise<string[]> =>
  (
    await server.services.db.manager.query(
      `SELECT name FROM audit_events WHERE data ->> 'invitation_id' = $1 OR data ->> 'domain_id' = $1 ORDER BY id`,
      [id],
    )
  ).map(({ name }: { name: string }) => name);
