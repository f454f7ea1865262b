// sub → claims. The account was read together with the token or session it stands on; only then is no further statement needed.
import type { Account } from 'oidc-provider';
import type { OrganizationAccess } from '../features/organization-access/organization-access.js';
import type { AccountRow } from '../features/protocol/request.js';
import type { UserService } from '../features/users/user.service.js';
import { epochSeconds } from '../platform/clock.js';
import { requestOf } from './adapter.js';
import type { EngineContext } from './engine-types.js';
import { claimsForOrganization } from './organization-claims.js';

export function createFindAccount(users: UserService, organizations: OrganizationAccess) {
  return async (ctx: EngineContext, sub: string): Promise<Account | undefined> => {
    const known = requestOf(ctx).accounts;
    const account = known.has(sub) ? known.get(sub) : await load(users, sub);
    return (
      account && {
        accountId: account.id,
        claims: async () => ({
          sub: account.id,
          ...claimsOf(account),
          ...(await claimsForOrganization(ctx, organizations, account.id)),
        }),
      }
    );
  };
}

async function load(users: UserService, sub: string): Promise<AccountRow | undefined> {
  const user = await users.findActive(sub);
  return (
    user && {
      id: user.id,
      email: user.email,
      email_verified: user.emailVerified,
      claims: user.claims as Record<string, unknown>,
      updated_at: user.updatedAt.toISOString(),
    }
  );
}

/** OpenID Connect Core §5.1; updated_at is a NumericDate. */
const claimsOf = ({ email, email_verified, claims, updated_at }: AccountRow) => ({
  ...claims,
  email,
  email_verified,
  updated_at: epochSeconds(new Date(updated_at)),
});
