// The engine's sessions, kept the way features/protocol keeps them: by uid, merged between tabs, dead once ended.
import { errors, type Provider } from 'oidc-provider';
import { ACCOUNT_CLIENT } from '../features/clients/built-in-clients.js';
import type { UpstreamSessions } from '../features/connections/upstream-sessions.js';
import { UpstreamStand } from '../features/connections/upstream-stand.js';
import type { Login } from '../features/protocol/engine.js';
import type { Payload } from '../features/protocol/handles.js';
import type { Protocol } from '../features/protocol/protocol.js';
import type { BindingPolicy } from '../features/protocol/session-binding.js';
import { SessionEnded } from '../features/protocol/sessions.js';
import { epochSeconds } from '../platform/clock.js';
import { currentEngineContext, requestOf } from './adapter.js';
import { assertSameBrowser } from './browser-cookie.js';
import type { EngineContext } from './engine-types.js';

interface EngineSession {
  uid: string;
  jti: string;
  exp: number;
  oldId?: string;
  destroyed?: boolean;
  touched?: boolean;
  [member: string]: unknown;
}

/** Sessions are saved by uid, merged, never after they have ended (features/protocol/sessions.ts), and are at home somewhere. */
export function keepSessions(
  provider: Provider,
  protocol: Protocol,
  binding: BindingPolicy,
  upstreamSessions: Pick<UpstreamSessions, 'remember'>,
): void {
  bindSessions(provider, protocol, binding);
  const fields = (provider.Session as unknown as { IN_PAYLOAD: string[] }).IN_PAYLOAD;
  const prototype = provider.Session.prototype as unknown as {
    save(ttl: number): Promise<string>;
    destroy(): Promise<void>;
  };

  prototype.save = async function (this: EngineSession, ttl: number): Promise<string> {
    const ctx = currentEngineContext();
    const request = requestOf(ctx);
    request.rotatedFrom = this.oldId;
    const login = ctx?.oidc.result?.login as Partial<Login> | undefined;
    request.signedIn = Boolean(login);
    request.provedSince = login?.since === undefined ? undefined : new Date(login.since);
    // Only what was proved by whoever the session is of.
    request.proofs = login?.accountId === this.accountId ? login?.proofs : undefined;
    const exp = epochSeconds(new Date()) + ttl;
    const payload = withoutOwnClients(
      Object.fromEntries(fields.map((field) => [field, this[field]]).filter(([, value]) => value !== undefined)),
    );
    if (!protocol.sessions.isUnchanged(request, payload, exp)) {
      this.exp = exp;
      /** The engine saves again at the end of the request whatever is not done with (initialize_app.js, ensureSessionSave). */
      const giveUp = () => {
        this.destroyed = true;
        keepNewerCookie(ctx, provider.cookieName('session'));
      };
      if (ctx && login?.proved_in === resumedOf(ctx)) await standOn(upstreamSessions, this, login, giveUp);
      try {
        const current = await protocol.sessions.save(request, this.jti, {
          iat: epochSeconds(new Date()),
          ...payload,
          kind: 'Session',
          exp,
        });
        if (!current) keepNewerCookie(ctx, provider.cookieName('session'));
      } catch (error) {
        if (!(error instanceof SessionEnded)) throw error;
        giveUp();
        throw new errors.SessionNotFound('the session has ended');
      }
    }
    this.touched = false;
    return this.jti;
  };

  prototype.destroy = async function (this: EngineSession): Promise<void> {
    await protocol.sessions.end(requestOf(currentEngineContext()), this.uid, 'logout');
    this.destroyed = true;
  };
}

/** The sign-in that this request goes on with; by now the engine may have made the next one, as for consent. */
const resumedOf = (ctx: EngineContext): string => String(ctx.params?.uid);

const standing = new WeakSet<object>();

/**
 * What ends over there ends the session here: written before there is one. Where that cannot be, for whatever reason, nothing begins.
 * @throws SessionNotFound where nobody comes in by it any more.
 */
async function standOn(
  upstreamSessions: Pick<UpstreamSessions, 'remember'>,
  { uid, accountId }: EngineSession,
  login: Partial<Login> | undefined,
  giveUp: () => void,
): Promise<void> {
  if (!login?.federated || login.accountId !== accountId || standing.has(login)) return;
  try {
    for (const { connection, subject, session, sign_in: id } of login.federated.map((one) =>
      UpstreamStand.parse(one),
    )) {
      const stand = { id, connection: { id: connection }, identity: { subject, session } };
      if (!(await upstreamSessions.remember(uid, stand)))
        throw new errors.SessionNotFound('what it stands on has ended');
    }
  } catch (error) {
    giveUp();
    throw error;
  }
  standing.add(login);
}

/** Whoever comes by a cookie comes this way; tokens find their session by its uid. */
function bindSessions(provider: Provider, protocol: Protocol, policy: BindingPolicy): void {
  const model = provider.Session as unknown as {
    find(id: string, options?: object): Promise<EngineSession | undefined>;
  };
  const find = model.find;
  model.find = async function (id, options) {
    const session = await find.call(this, id, options);
    const request = requestOf(currentEngineContext());
    if (typeof session?.accountId !== 'string' || !request.session) return session;
    const place = await protocol.binding.check(policy, request.session, session.accountId);
    request.session.moved = place === 'moved';
    if (place !== 'ended') return session;
    request.sessionsByUid.set(request.session.uid, undefined);
    request.session = undefined;
    return undefined;
  };
}

/** The pages of the account read the session itself: it was not signed in to an application there, and none is to be signed out. */
function withoutOwnClients(payload: Payload): Payload {
  if (!payload.authorizations) return payload;
  const { [ACCOUNT_CLIENT]: _own, ...authorizations } = payload.authorizations as Record<string, unknown>;
  return { ...payload, authorizations };
}

interface Resumed {
  uid: string;
  session?: { uid?: string; accountId?: string };
  result?: { login?: Partial<Login> };
}

/** Where the engine goes on with an authorization request, or with the request of a device (RFC 8628 §3.3). */
const resumes = new Set(['resume', 'device_resume']);

/** What is asked before an authorization request goes on with what its pages have established. */
export function keepInteractions(provider: Provider, protocol: Protocol): void {
  const model = provider.Interaction as unknown as {
    find(id: string, options?: object): Promise<Resumed | undefined>;
  };
  const find = model.find;
  model.find = async function (id, options) {
    const interaction = await find.call(this, id, options);
    const ctx = currentEngineContext();
    const browser = resumes.has(ctx?.oidc?.route ?? '') ? ctx?.oidc.session : undefined;
    if (!interaction || !ctx || !browser) return interaction;
    assertSameBrowser(provider, interaction, ctx.cookies);
    await keepBounds(interaction, protocol, requestOf(ctx));
    joinTabs(interaction, browser);
    return interaction;
  };
}

/**
 * What was proved is good for one session: the one it adds to, or, where an earlier page of the same request has begun one, as before consent,
 * that one. @throws SessionNotFound where it has ended meanwhile: nothing raises it again.
 */
async function keepBounds(
  { uid, session, result }: Resumed,
  { sessions }: Protocol,
  request: ReturnType<typeof requestOf>,
): Promise<void> {
  const { from_session, proved_in } = result?.login ?? {};
  const standsOn = from_session ?? (result?.login && proved_in !== uid ? session?.uid : undefined);
  if (standsOn && !(await sessions.findByUid(request, standsOn)))
    throw new errors.SessionNotFound('the session has ended');
  // Elsewhere than at home only what was proved there, just now and whole, makes it at home there.
  if (request.session?.moved && (from_session || proved_in !== uid)) delete result?.login;
  // It may end between this look and the session that is saved.
  if (result?.login) request.standsOn = standsOn;
}

/**
 * Two tabs that sign in at once make two sessions of one account, and the browser keeps one of them: what the other has begun goes on in that
 * one. Where a tab comes with a cookie that a sign-in in the other has just retired, it has no session at all: whoever proved in this request
 * who they are gets a new one, as far as keepBounds lets them. The engine compares the sessions when an interaction resumes, and would refuse
 * both.
 */
function joinTabs({ session: begun, result }: Resumed, browser: { uid?: unknown; accountId?: string }): void {
  if (!begun?.accountId) return;
  if (browser.accountId === begun.accountId) begun.uid = String(browser.uid);
  else if (!browser.accountId && result?.login?.accountId === begun.accountId) delete begun.uid;
}

/** The browser has (or will get) a newer session cookie than the one this answer was about to set. */
function keepNewerCookie(ctx: EngineContext | undefined, name: string): void {
  const cookies = ctx?.response.get('set-cookie') as string | string[] | undefined;
  if (!ctx || !cookies) return;
  const kept = [cookies]
    .flat()
    .filter((cookie) => !cookie.startsWith(`${name}=`) && !cookie.startsWith(`${name}.sig=`));
  if (kept.length > 0) ctx.set('set-cookie', kept);
  else ctx.remove('set-cookie');
}
