// Reads what a federated sign-in is decided by: whose the identity is, whose the address, what the connection says. Decides nothing.
import { currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { User } from '../users/user.entity.js';
import type { Connection } from './connection.entity.js';
import { domainsOf } from './connection-rows.js';
import type { Held } from './federated-sign-in.js';
import type { HomeRealms } from './home-realm.js';
import { Identity } from './identity.entity.js';
import type { Account, Situation } from './linking.js';
import { isBelow, type Mapped, mapped } from './mapping.js';
import { isInRequired } from './provisioning-rules.js';

export interface Whose {
  /** Whom the browser has proved besides, by their own means: who is signed in (`link`), or whose account was asked for (`prove`). Id of the user. */
  proved?: string | undefined;
  /** The interaction: an address that is proved in it later is that of whoever makes an account now. */
  flow?: string | undefined;
}

export interface Stands {
  situation: Situation;
  mapped: Mapped;
  identity: Identity | undefined;
  /** Ids of everybody it is about. */
  people: string[];
  /** Whether it is the tenant's, or of the organization that holds the domain of their address: who they are everywhere is then for it to say. */
  speaksFor(user: Pick<User, 'emailNormalized'>): boolean;
  user(id: string): User;
}

export class Situations {
  constructor(
    private readonly db: Database,
    private readonly homeRealms: Pick<HomeRealms, 'isElsewhere'>,
  ) {}

  async of({ connection, identity: { attributes, subject }, asked }: Held, { proved }: Whose): Promise<Stands> {
    const { settings } = connection;
    const domains = await domainsOf(this.db, connection);
    const person = mapped(settings, { attributes }, domains);
    const { email, emailNormalized, emailVerified, groups } = person;
    const identity = (await this.db.repo(Identity).findOneBy({ connectionId: connection.id, subject })) ?? undefined;
    const byAddress = emailNormalized && (await this.db.repo(User).findOneBy({ emailNormalized }));
    const ids = [identity?.userId, byAddress ? byAddress.id : undefined, proved].filter((id) => id !== undefined);
    const people = [...new Set(ids)].sort();
    // Whoever tries a connection may be about to put it in the place of that one.
    const isElsewhere = async (user: Pick<User, 'emailNormalized' | 'roles'>) =>
      asked.purpose !== 'test' && this.homeRealms.isElsewhere(user, [connection.id]);
    const elsewhere = emailNormalized !== undefined && (await isElsewhere({ emailNormalized, roles: [] }));
    const users = new Map<string, User>();
    const accounts = new Map<string, Account>();
    for (const id of people) {
      const user = await this.db.repo(User).findOneBy({ id });
      if (!user) continue;
      users.set(id, user);
      accounts.set(id, await this.account(user, connection, isElsewhere));
    }
    const speaksFor = (user: Pick<User, 'emailNormalized'>) =>
      domains === null || isBelow(domains, user.emailNormalized);
    const account = (id: string | undefined) => (id === undefined ? undefined : accounts.get(id));
    const known = identity && users.get(identity.userId);
    // Nobody else had the account that it made, until somebody did.
    const isByDomain = identity?.byDomain || (identity?.madeAccount && account(identity.userId)?.shared) || false;
    return {
      situation: {
        purpose: asked.purpose,
        known: account(identity?.userId),
        lapsed: known !== undefined && isByDomain && !speaksFor(known),
        email: email === undefined ? undefined : { verified: emailVerified, elsewhere },
        account: byAddress ? account(byAddress.id) : undefined,
        connection: {
          organization: connection.organizationId !== null,
          ownsDomain: domains !== null && emailNormalized !== undefined && isBelow(domains, emailNormalized),
          create: settings.provisioning.create,
        },
        inRequiredGroup: isInRequired(settings.provisioning.required_groups, groups),
        proved: account(proved),
      },
      mapped: person,
      identity,
      people,
      speaksFor,
      user(id) {
        const user = users.get(id);
        if (!user) throw new Error('nobody is decided on who is not there');
        return user;
      },
    };
  }

  private async account(
    user: User,
    { id, organizationId }: Connection,
    isElsewhere: (user: User) => Promise<boolean>,
  ): Promise<Account> {
    const [also] = await this.db.execute<Also>(ALSO, [currentTenantId(), user.id, id, organizationId]);
    return {
      id: user.id,
      active: user.active,
      emailVerified: user.emailVerified,
      privileged: user.roles.length > 0,
      unproved: also?.unproved ?? false,
      linkedHere: also?.linked_here ?? false,
      member: also?.member ?? false,
      shared: also?.shared ?? false,
      elsewhere: await isElsewhere(user),
    };
  }
}

interface Also {
  unproved: boolean;
  linked_here: boolean;
  shared: boolean;
  member: boolean;
}

const ALSO = {
  name: 'federation_account',
  text: `
    SELECT EXISTS (SELECT FROM registrations WHERE tenant_id = $1 AND user_id = $2) AS unproved,
           EXISTS (SELECT FROM identities WHERE tenant_id = $1 AND user_id = $2 AND connection_id = $3) AS linked_here,
           EXISTS (SELECT FROM identities WHERE tenant_id = $1 AND user_id = $2 AND connection_id <> $3) AS shared,
           EXISTS (SELECT FROM memberships WHERE tenant_id = $1 AND organization_id = $4 AND user_id = $2) AS member`,
};
