// Owns the exchange of a token for another one (RFC 8693): by which policy, and on which grant the new one stands. Every exchange is recorded.
// Hands off to: oidc/grants/token-exchange.ts, which reads tokens and makes the new one.
import type { Database } from '../../platform/database.js';
import type { AuditLog } from '../audit/audit.service.js';
import type { Grants } from '../protocol/grants.js';
import type { Assertions, Believed } from '../trusted-issuers/assertions.js';
import { type Allowed, type Asked, decide, type Presented, type Refused } from './decision.js';
import type { ExchangePolicies } from './exchange-policies.js';

/** What a token stands on, and so does whatever it is exchanged for. */
export interface Standing extends Presented {
  /** Of a token of ours. */
  grantId?: string | undefined;
  organization?: string | undefined;
  /** Where a token of ours ends with it. */
  sessionUid?: string | undefined;
  /** What a trusted issuer has said. */
  believed?: Believed;
}

export class Exchanges {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly grants: Pick<Grants, 'giveApart'>,
    private readonly policies: Pick<ExchangePolicies, 'of'>,
    private readonly assertions: Pick<Assertions, 'holds'>,
  ) {}

  async judge(asked: Asked): Promise<Allowed | Refused> {
    return decide(await this.policies.of(asked.clientId), asked);
  }

  /** For a key that speaks for itself nothing stands behind a token but its short life. */
  record({ clientId }: Asked, { policy, target }: Allowed, { key }: Standing, scope: string): Promise<void> {
    return this.audit.record('token.exchanged', {
      grant_id: null,
      parent_grant_id: null,
      user_id: null,
      client_id: clientId,
      subject_client_id: null,
      subject_issuer_id: null,
      ...(key ? { api_key_id: key.id } : {}),
      actor: clientId,
      resource: target,
      scope,
      policy_id: policy.id,
    });
  }

  /**
   * A grant of the client's own, below the subject's, for as long as the token: it ends with everything that the subject token ends with, and where
   * a person acts with what the actor token ends with.
   * @param seconds the life of the token at most: it is less where something it would stand on runs out before.
   * @returns undefined where any of that has ended meanwhile.
   */
  give(
    { clientId, now }: Pick<Asked, 'clientId' | 'now'>,
    { policy, target, act }: Allowed,
    { subject, actor }: { subject: Standing; actor: Standing | undefined },
    { scope, seconds }: { scope: string; seconds: number },
  ): Promise<{ grantId: string; seconds: number } | undefined> {
    return this.db.transaction(async () => {
      const { grantId, sessionUid, believed } = subject;
      const accountId = String(subject.accountId);
      if (believed && !(await this.assertions.holds(believed))) return undefined;
      const grant = await this.grants.giveApart(
        {
          accountId,
          clientId,
          origin: 'exchange',
          parent: grantId,
          session: sessionUid,
          acting: actor?.grantId === undefined ? undefined : { grant: actor.grantId, session: actor.sessionUid },
          ...(believed ? { issuer: believed.issuer.id } : {}),
          // The engine counts in whole seconds, and a little later.
          until: new Date((now + seconds + 2) * 1000),
        },
        { resources: { [target]: scope } },
      );
      if (!grant) return undefined;
      await this.audit.record('token.exchanged', {
        grant_id: String(grant.jti),
        parent_grant_id: grantId ?? null,
        user_id: accountId,
        client_id: clientId,
        subject_client_id: subject.clientId ?? null,
        subject_issuer_id: believed?.issuer.id ?? null,
        ...(subject.key ? { api_key_id: subject.key.id } : {}),
        actor: actor?.accountId ?? act?.sub ?? null,
        resource: target,
        scope,
        policy_id: policy.id,
      });
      return { grantId: String(grant.jti), seconds: Math.min(seconds, Math.max(1, Number(grant.exp) - now)) };
    });
  }
}
