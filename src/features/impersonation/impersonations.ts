// Owns that somebody acts for somebody else: who may, for whom, why and for how long. What comes of it is one access token that says who acts; it stands
// on what whoever acts was given themselves, and ends with it. Hands off to: the engine, which makes the token; protocol, where all of it ends.
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { type Actor, currentContext, currentTenantId } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { conflict, forbidden, invalid, notFound } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { MailService } from '../mail/mail.service.js';
import type { ActingTokens, ResourceAccess } from '../protocol/acting-tokens.js';
import * as statements from '../protocol/grant-statements.js';
import type { Grants } from '../protocol/grants.js';
import { ProtocolRequest } from '../protocol/request.js';
import { Resource, type ResourceServer } from '../resources/resource.entity.js';
import type { RoleService } from '../roles/role.service.js';
import { Tenant } from '../tenants/tenant.entity.js';
import type { TenantService } from '../tenants/tenant.service.js';
import type { User } from '../users/user.entity.js';
import type { UserService } from '../users/user.service.js';
import { holdPeople, holdPerson } from '../users/user-rows.js';
import { beyond } from './impersonation.rules.js';
import type { BeginImpersonation } from './impersonation.schema.js';

export const IMPERSONATE = 'users:impersonate';

/** A person who asks with a token of their own. */
interface Asker {
  id: string;
  scopes: ReadonlySet<string>;
  token: NonNullable<Actor['token']>;
}

interface Begun {
  id: string;
  token: string;
  seconds: number;
}

export class Impersonations {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly tenants: TenantService,
    private readonly users: UserService,
    private readonly roles: Pick<RoleService, 'opened'>,
    private readonly resources: {
      findByIdentifier(identifier: string): Promise<ResourceServer | undefined>;
      all(): Promise<readonly ResourceServer[]>;
    },
    private readonly grants: Pick<Grants, 'giveActing' | 'end'>,
    private readonly mail: MailService,
  ) {}

  /** @throws AppError 403 where whoever asks may not, 409 where it cannot be now, 422 for a client, resource or scope that it is not for. */
  async begin({ id }: User, asked: BeginImpersonation, tokens: ActingTokens): Promise<Begun> {
    const asker = askerNow();
    await this.assertSwitchedOn();
    if (asker.id === id) throw forbidden('own_account', 'Nobody acts for themselves');
    const access = await this.accessTo(asker, asked, tokens);
    return this.db.transaction(async () => {
      // Whatever ends or changes one of the two waits for this, or is waited for.
      await holdPeople(this.db, [id, asker.id]);
      const person = await this.users.find(id);
      if (!person.active) throw conflict('user_not_active', 'This person may not come in themselves');
      await this.assertNoClimb(person, asker);
      if (await this.isImpersonating(id)) throw conflict('user_impersonates', 'This person acts for somebody else now');
      const begun = await this.give(person, asker, asked, access);
      // A tenant that is being switched off has waited for what was just written, or this for that.
      await this.assertSwitchedOn(true);
      return begun;
    });
  }

  /** @throws AppError 404 where there is none, or it has ended. */
  end({ id: userId }: User, id: string): Promise<void> {
    return this.db.transaction(async () => {
      await holdPerson(this.db, userId);
      const values = [currentTenantId(), id, userId, this.clock.now()];
      if ((await this.db.execute(statements.findImpersonation, values)).length === 0) throw notFound('impersonation');
      await this.grants.end(new ProtocolRequest(), id, 'revoked');
    });
  }

  private async accessTo({ token }: Asker, asked: BeginImpersonation, tokens: ActingTokens): Promise<ResourceAccess> {
    // The management API has no row: whoever works there does so by their own name.
    if (!((await this.resources.findByIdentifier(asked.resource)) instanceof Resource))
      throw refused('/resource', 'must be the identifier of a resource');
    const access = await tokens.at(asked.client_id ?? token.clientId, asked.resource);
    const beyond = asked.scope.split(' ').filter((name) => !access.scopes.has(name));
    if (beyond.length > 0) throw refused('/scope', `is more than the client may have there: ${beyond.join(' ')}`);
    return access;
  }

  /** In the transaction that begins it: until its end neither of the two has other roles, and no role opens more or less. */
  private async assertNoClimb(person: User, asker: Asker): Promise<void> {
    const actor = await this.users.findActive(asker.id);
    const [theirs, own] = await this.roles.opened([person.roles, actor?.roles ?? []], await this.resources.all());
    if (!theirs || !own) throw new Error('two were asked about');
    const permissions = new Set([...own.permissions].filter((one) => asker.scopes.has(one)));
    if (!permissions.has(IMPERSONATE)) throw forbidden('scope_not_held', `This needs ${IMPERSONATE}`);
    const more = beyond(theirs, { ...own, permissions });
    if (more.length > 0)
      throw forbidden('scope_not_held', `Nobody acts for people who may do more: ${more.join(', ')}`.slice(0, 1000));
  }

  private async isImpersonating(id: string): Promise<boolean> {
    const values = [currentTenantId(), this.clock.now(), id];
    return (await this.db.execute(statements.isImpersonating, values)).length > 0;
  }

  private async give(
    person: User,
    asker: Asker,
    { client_id, resource, scope, reason, ttl }: BeginImpersonation,
    access: ResourceAccess,
  ): Promise<Begun> {
    const { clientId: own, ...acting } = asker.token;
    const clientId = client_id ?? own;
    const now = epochSeconds(this.clock.now());
    const most = Math.min(ttl, access.seconds);
    const grant = await this.grants.giveActing(
      // The engine counts in whole seconds, and a little later.
      { accountId: person.id, clientId, acting, until: new Date((now + most + 2) * 1000) },
      { resources: { [resource]: scope } },
    );
    if (!grant) throw conflict('ended_meanwhile', 'The person, the client or your own sign-in has ended meanwhile');
    const seconds = Math.min(most, Math.max(1, epochSeconds(grant.expires_at) - now));
    const until = new Date((now + seconds) * 1000).toISOString();
    await this.audit.record('impersonation.started', {
      impersonation_id: grant.id,
      user_id: person.id,
      client_id: clientId,
      resource,
      scope,
      reason,
      until,
    });
    await this.tell(person, reason, until);
    const token = { accountId: person.id, actor: asker.id, grantId: grant.id, scope, seconds };
    return { id: grant.id, token: await access.give(token), seconds };
  }

  private async tell(person: User, reason: string, until: string): Promise<void> {
    const tenant = await this.tenants.current();
    if (!tenant.settings.impersonation.letter) return;
    const link = `${this.tenants.issuerOf(tenant)}/account/activity`;
    const letter = { at: this.clock.now().toISOString(), until, reason, link };
    await this.mail.send('impersonated', person.email, letter, person.claims.locale);
  }

  /** @param now as the row says, and not what this process knows of it. */
  private async assertSwitchedOn(now = false): Promise<void> {
    const tenant = now
      ? await this.db.manager.findOneByOrFail(Tenant, { id: currentTenantId() })
      : await this.tenants.current();
    if (tenant.settings.impersonation.mode === 'off')
      throw forbidden('impersonation_off', 'Nobody acts for others at this tenant: its settings say so');
  }
}

/** @throws AppError 403: a program, or a key that somebody left somewhere, is nobody who answers for what they do. */
function askerNow(): Asker {
  const { type, id, scopes, apiKey, token } = currentContext()?.actor ?? {};
  if (type !== 'user' || !id || !scopes || apiKey || !token)
    throw forbidden(
      'person_required',
      'Only a person who is signed in acts for somebody else, with a token of their own',
    );
  return { id, scopes, token };
}

const refused = (pointer: string, message: string) => invalid('This cannot be given', [{ pointer, message }]);
