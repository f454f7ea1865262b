// Owns what a client registers with (RFC 7591 §3): tokens that an administrator has issued, each for so many clients, for a time, and for what its
// policy says; where the tenant lets everybody register, a token that everybody has. Hands off to: RegisteredClients, which spends it.
import type { Clock } from '../../../platform/clock.js';
import { currentTenantId } from '../../../platform/context.js';
import { newId, randomToken, sha256 } from '../../../platform/crypto.js';
import type { Database, Statement } from '../../../platform/database.js';
import { notFound } from '../../../platform/errors.js';
import type { AuditLog } from '../../audit/audit.service.js';
import type { ProtocolPolicy } from '../../tenants/protocol-policy/protocol-policy.js';
import type { ClientHooks } from '../client-hooks.js';
import { InitialAccessToken } from './initial-access-token.entity.js';
import { IssueInitialAccessToken } from './initial-access-token.schema.js';
import type { RegistrationPolicy } from './registration-policy.js';

/** What a request is given that comes without a token, and was counted. Nobody can send it; it opens nothing but where the tenant says `open`. */
export const EVERYBODYS_TOKEN = randomToken();

/** Grants in which a person takes part: nobody is let in for having asked (RFC 6749 §4.4). */
const FOR_EVERYBODY: RegistrationPolicy['grant_types'] = ['authorization_code', 'refresh_token'];

/** What of the tenant matters here. */
type TenantPolicy = () => Promise<Pick<ProtocolPolicy, 'registration' | 'open_registration'>>;

interface Spent {
  /** Null: it is everybody's. */
  id: string | null;
  policy: RegistrationPolicy;
}

export class InitialAccessTokens {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly tenantPolicy: TenantPolicy,
    private readonly hooks: Pick<ClientHooks, 'mayGrant'>,
  ) {}

  async find(id: string): Promise<InitialAccessToken> {
    const token = await this.db.repo(InitialAccessToken).findOneBy({ id });
    if (!token) throw notFound('initial access token');
    return token;
  }

  /** @returns the token's value too: nobody has it but whoever is told now. @throws AppError 403 for scopes that the caller does not hold. */
  issue(input: IssueInitialAccessToken): Promise<{ token: InitialAccessToken; value: string }> {
    const { description, uses, expires_in, policy } = IssueInitialAccessToken.parse(input);
    this.hooks.mayGrant(policy.scopes ?? []);
    const now = this.clock.now();
    const value = randomToken();
    const token = Object.assign(new InitialAccessToken(), {
      id: newId(),
      hash: sha256(value),
      description: description ?? null,
      policy,
      usesLeft: uses,
      createdAt: now,
      expiresAt: new Date(now.getTime() + expires_in * 1000),
    });
    return this.db.transaction(async () => {
      await this.db.repo(InitialAccessToken).insert(token);
      await this.audit.record('initial_access_token.issued', { initial_access_token_id: token.id, uses });
      return { token, value };
    });
  }

  revoke({ id }: InitialAccessToken): Promise<void> {
    return this.db.transaction(async () => {
      if ((await this.db.repo(InitialAccessToken).delete({ id })) === 0) throw notFound('initial access token');
      await this.audit.record('initial_access_token.revoked', { initial_access_token_id: id });
    });
  }

  /** @returns undefined where nothing is registered with it, or nothing any more. */
  async presented(value: string): Promise<{ policy: RegistrationPolicy; expiresAt: Date } | undefined> {
    const now = this.clock.now();
    if (value === EVERYBODYS_TOKEN) {
      const { registration, open_registration } = await this.tenantPolicy();
      if (registration !== 'open') return undefined;
      return {
        policy: { ...open_registration, grant_types: FOR_EVERYBODY },
        expiresAt: new Date(now.getTime() + 60_000),
      };
    }
    const token = await this.db.repo(InitialAccessToken).findOneBy({ hash: sha256(value) });
    return token && token.usesLeft > 0 && token.expiresAt > now ? token : undefined;
  }

  /** Joins the transaction that makes the client: one that is not made has used nothing. @returns undefined where others were first. */
  async spend(value: string): Promise<Spent | undefined> {
    if (value === EVERYBODYS_TOKEN) {
      const presented = await this.presented(value);
      return presented && { id: null, policy: presented.policy };
    }
    const [row] = await this.db.execute<Spent>(spend, [currentTenantId(), sha256(value), this.clock.now()]);
    return row;
  }
}

const spend: Statement = {
  name: 'initial_access_tokens_spend',
  text: `UPDATE initial_access_tokens SET uses_left = uses_left - 1, last_used_at = $3
          WHERE tenant_id = $1 AND hash = $2 AND uses_left > 0 AND expires_at > $3
        RETURNING id, policy`,
};
