// The page of everything a person proves themselves with; each way in has a page of its own.
import type Router from '@koa/router';
import type { OwnIdentities } from '../features/connections/own-identities.js';
import type { PasswordService } from '../features/credentials/password.service.js';
import type { SecondFactors } from '../features/credentials/second-factors.js';
import type { AuthenticationPolicy } from '../features/tenants/authentication-policy.js';
import type { AccountDoor } from './door.js';

export interface SecurityDependencies {
  passwords: PasswordService;
  secondFactors: Pick<SecondFactors, 'of'>;
  ownIdentities: OwnIdentities;
  policy: () => Promise<AuthenticationPolicy>;
}

export function securityRoutes(router: Router, door: AccountDoor, deps: SecurityDependencies): void {
  router.get('/security', async (ctx) => {
    const visitor = await door.visitor(ctx);
    if (!visitor) return;
    const { first_factors, second_factors } = await deps.policy();
    const { totp, passkeys, recovery_codes } = await deps.secondFactors.of(visitor.user.id);
    const password = await deps.passwords.has(visitor.user);
    const identities = await deps.ownIdentities.of(visitor.user);
    const takes = (way: 'passkey' | 'totp') => second_factors.includes(way);
    // What the tenant takes no longer is shown to whoever has it, so that they can take it away.
    await door.show(ctx, visitor, 'security', {
      password: { has: password, shown: password || first_factors.includes('password') },
      passkeys: {
        count: passkeys.length,
        shown: passkeys.length > 0 || first_factors.includes('passkey') || takes('passkey'),
      },
      totp: { has: totp, shown: totp || takes('totp') },
      codes: { left: recovery_codes, shown: totp || passkeys.length > 0 },
      identities: {
        count: identities.length,
        shown: identities.length > 0 || (await deps.ownIdentities.connectable(visitor.user)).length > 0,
      },
    });
  });
}
