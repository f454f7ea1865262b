// The account as JSON, for scripts of our own pages: the session cookie says who asks, and a change carries its CSRF token.
// It lies below the prefix of the management API without being part of it: who shows a bearer token, or no session, is answered there.
import Router from '@koa/router';
import type { Context, Next } from 'koa';
import type { OwnIdentities } from '../features/connections/own-identities.js';
import type { OwnSession, OwnSessions } from '../features/protocol/own-sessions.js';
import type { User } from '../features/users/user.entity.js';
import { forbidden, notFound } from '../platform/errors.js';
import { sendJson } from '../platform/json-body.js';
import type { Logger } from '../platform/logger.js';
import { problems } from '../platform/problem.js';
import type { AuthenticatorDependencies } from './authenticator.js';
import { SessionId } from './devices.js';
import { type AccountDoor, ANY_TIME, type Visitor } from './door.js';
import { identitiesApi } from './identities-api.js';
import { type OrganizationApiDependencies, organizationApi } from './organization-api.js';
import { passkeyApi } from './passkey-api.js';
import type { PasskeyDependencies } from './passkeys.js';
import type { RequestDependencies } from './requests.js';
import { requestsApi } from './requests-api.js';
import type { SettingsDependencies } from './settings.js';
import { settingsApi } from './settings-api.js';
import { twoFactorApi } from './two-factor-api.js';

export interface AccountApiDependencies
  extends PasskeyDependencies,
    AuthenticatorDependencies,
    SettingsDependencies,
    RequestDependencies,
    OrganizationApiDependencies {
  sessions: OwnSessions;
  ownIdentities: OwnIdentities;
  /** Whom the access token of the request speaks for; undefined for a program. @throws AppError 401 or 403 (RFC 6750 §3.1) */
  tokenHolder: (ctx: Context) => Promise<User | undefined>;
  logger: Logger;
}

const freely = { fresh: ANY_TIME };

export function createAccountApi(door: AccountDoor, deps: AccountApiDependencies): Router {
  const { sessions, secondFactors, tokenHolder, logger } = deps;
  const router = new Router({ prefix: '/api/v1', sensitive: true, strict: true });
  const guarded = problems(logger);

  // The one answer that a token which may see users is enough for, of whatever person: it tells who that is.
  router.get('/auth/me', guarded, async (ctx) => {
    if (showsToken(ctx)) {
      const user = await tokenHolder(ctx);
      if (!user) throw forbidden('no_person', 'This access token speaks for a program, not for a person');
      return sendJson(ctx, 200, await profile(user));
    }
    const visitor = await door.visitor(ctx);
    if (visitor) sendJson(ctx, 200, await me(visitor));
  });

  const own = (work: (ctx: Context) => Promise<void>) => async (ctx: Context, next: Next) => {
    // What the management API answers stays its own: the same addresses, asked by programs (RFC 6750 §2).
    if (showsToken(ctx) || !(await door.known(ctx))) return next();
    await guarded(ctx, () => work(ctx));
  };

  router.get(
    '/sessions',
    own(async (ctx) => {
      const visitor = await door.visitor(ctx);
      if (visitor) sendJson(ctx, 200, { items: (await sessions.of(visitor.user.id)).map(present(visitor)) });
    }),
  );

  router.delete(
    ['/sessions', '/sessions/all'],
    own(async (ctx) => {
      const visitor = await door.mayChange(ctx, freely);
      if (visitor) sendJson(ctx, 200, { ended: await sessions.endOthers(visitor.user.id, visitor.session.uid) });
    }),
  );

  router.delete(
    '/sessions/:session_id',
    own(async (ctx) => {
      const visitor = await door.mayChange(ctx, freely);
      if (!visitor) return;
      const id = SessionId.safeParse(ctx.params.session_id);
      if (!id.success) throw notFound('session');
      await sessions.end(visitor.user.id, id.data);
      ctx.status = 204;
    }),
  );

  passkeyApi(router, door, deps);
  twoFactorApi(router, door, deps);
  settingsApi(router, door, deps);
  requestsApi(router, door, deps);
  organizationApi(router, door, deps, own);
  identitiesApi(router, door, deps.ownIdentities, own);

  const me = async ({ user, session, csrf }: Visitor) => ({
    ...(await profile(user)),
    session: { id: session.uid, acr: session.acr ?? null, amr: session.amr, auth_time: session.loginTs },
    csrf_token: csrf,
  });

  async function profile(user: User) {
    const { totp, passkeys, recovery_codes } = await secondFactors.of(user.id);
    return {
      id: user.id,
      email: user.email,
      email_verified: user.emailVerified,
      claims: user.claims,
      roles: user.roles,
      mfa: { totp, passkeys: passkeys.length, recovery_codes_left: recovery_codes },
    };
  }
  return router;
}

const present =
  ({ session }: Visitor) =>
  ({ uid, ip, userAgent, acr, amr, clients, createdAt, lastActiveAt, expiresAt }: OwnSession) => ({
    id: uid,
    current: uid === session.uid,
    ip,
    user_agent: userAgent,
    acr,
    amr,
    clients,
    created_at: createdAt.toISOString(),
    last_active_at: lastActiveAt.toISOString(),
    expires_at: expiresAt.toISOString(),
  });

/** RFC 6750 §2; one in the address is refused, and never overlooked. */
const showsToken = (ctx: Context): boolean => Boolean(ctx.get('Authorization')) || 'access_token' in ctx.query;
