// The engine as the other doors see it: interactions, and the accounts that are signed in in one browser.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errors, type Provider } from 'oidc-provider';
import type { Proof } from '../features/authentication/assurance.js';
import type { Engine, Finish, Interaction, KnownAccount, Login, SignedIn } from '../features/protocol/engine.js';
import type { Protocol } from '../features/protocol/protocol.js';
import { ProtocolRequest } from '../features/protocol/request.js';
import type { BindingPolicy } from '../features/protocol/session-binding.js';
import { type Home, movedFrom } from '../features/protocol/session-home.js';
import { currentContext, currentTenantId } from '../platform/context.js';
import type { Sealer } from '../platform/crypto.js';
import { AppError } from '../platform/errors.js';
import { assertSameBrowser, type BoundResult, markBrowser, markOf } from './browser-cookie.js';
import type { ProviderPool } from './provider-pool.js';

type EngineInteraction = Awaited<ReturnType<Provider['interactionDetails']>>;

/** More accounts than this in one browser are not remembered. */
const shelfSize = 5;

export class OidcEngine implements Engine {
  constructor(
    private readonly pool: ProviderPool,
    private readonly protocol: Protocol,
    private readonly sealer: Sealer,
  ) {}

  async session(req: IncomingMessage, res: ServerResponse): Promise<SignedIn | undefined> {
    const { provider, binding } = await this.pool.of(currentTenantId());
    const handle = this.currentHandle(provider, req, res);
    const request = new ProtocolRequest();
    const session = handle ? await this.protocol.sessions.find(request, handle) : undefined;
    if (!session?.accountId || !request.session) return undefined;
    // Elsewhere than at home nobody is signed in here: the engine asks them to sign in again.
    if ((await this.protocol.binding.check(binding, request.session, session.accountId)) !== 'here') return undefined;
    const uid = String(session.uid);
    await this.protocol.sessions.touch(uid);
    return {
      uid,
      accountId: session.accountId,
      acr: session.acr as string | undefined,
      amr: (session.amr ?? []) as string[],
      loginTs: Number(session.loginTs ?? session.iat ?? 0),
      proofs: session.proofs as Proof[] | undefined,
    };
  }

  async interaction(req: IncomingMessage, res: ServerResponse): Promise<Interaction> {
    const { provider, binding } = await this.pool.of(currentTenantId());
    const details = await this.details(provider, req, res);
    markBrowser(provider, details, req, this.cookies(provider, req, res));
    const earlier = (details.lastSubmission ?? {}) as { ostiary?: unknown; organization?: Finish['organization'] };
    const shown = (details.prompt.details as { organization?: Finish['organization'] }).organization;
    const organization = shown ?? earlier.organization;
    const uid = details.session?.uid;
    const request = new ProtocolRequest();
    const session = uid ? await this.protocol.sessions.findByUid(request, uid) : undefined;
    return {
      uid: details.uid,
      prompt: details.prompt as Interaction['prompt'],
      params: details.params,
      clientId: String(details.params.client_id),
      session: session?.accountId
        ? {
            uid: String(uid),
            accountId: session.accountId,
            amr: (session.amr ?? []) as string[],
            ts: Number(session.loginTs ?? session.iat ?? 0),
            proofs: session.proofs as Proof[] | undefined,
            moved: isElsewhere(binding, request.homes.get(String(uid))),
          }
        : undefined,
      ...(organization ? { organization } : {}),
      progress: (details.result as { ostiary?: unknown } | undefined)?.ostiary ?? earlier.ostiary,
    };
  }

  async reach(req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
    const provider = await this.provider();
    const { uid, exp } = await this.details(provider, req, res);
    const maxAge = exp * 1000 - Date.now();
    const options = { ...this.options(provider), sameSite: 'strict', path, maxAge } as const;
    this.cookies(provider, req, res).set(provider.cookieName('interaction'), uid, options);
  }

  async remember(req: IncomingMessage, res: ServerResponse, progress: object): Promise<void> {
    const provider = await this.provider();
    const kept = { ostiary: progress, ...(await this.bound(provider, req, res)) };
    await provider.interactionResult(req, res, kept as never, { mergeWithLastSubmission: false });
  }

  async finish(req: IncomingMessage, res: ServerResponse, result: Finish): Promise<string> {
    const provider = await this.provider();
    const bound = { ...result, ...(await this.bound(provider, req, res)) };
    return provider.interactionResult(req, res, bound as never, { mergeWithLastSubmission: true });
  }

  async refuse(req: IncomingMessage, res: ServerResponse, error: string, description: string): Promise<string> {
    const result = { error, error_description: description };
    return (await this.provider()).interactionResult(req, res, result, { mergeWithLastSubmission: false });
  }

  async accounts(req: IncomingMessage, res: ServerResponse): Promise<KnownAccount[]> {
    const { provider, binding } = await this.pool.of(currentTenantId());
    const handles = [this.currentHandle(provider, req, res), ...this.shelf(provider, req, res)];
    const accounts: KnownAccount[] = [];
    for (const [index, handle] of handles.entries()) {
      const request = new ProtocolRequest();
      const session = handle ? await this.protocol.sessions.find(request, handle) : undefined;
      if (!session?.accountId || accounts.some(({ accountId }) => accountId === session.accountId)) continue;
      const moved = isElsewhere(binding, request.session?.home);
      accounts.push({ sessionUid: String(session.uid), accountId: session.accountId, current: index === 0, moved });
    }
    return accounts;
  }

  async setAside(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const provider = await this.provider();
    const handle = this.currentHandle(provider, req, res);
    if (handle) this.keepShelf(provider, req, res, [handle, ...this.shelf(provider, req, res)]);
    this.cookies(provider, req, res).set(provider.cookieName('session'), null, this.options(provider));
    await this.rebind(provider, req, res, undefined);
  }

  async switchTo(req: IncomingMessage, res: ServerResponse, sessionUid: string): Promise<boolean> {
    const provider = await this.provider();
    const current = this.currentHandle(provider, req, res);
    const shelf = this.shelf(provider, req, res);
    for (const handle of [current, ...shelf]) {
      const session = handle ? await this.protocol.sessions.find(new ProtocolRequest(), handle) : undefined;
      if (!handle || session?.uid !== sessionUid || !session.accountId) continue;
      if (handle !== current) {
        this.keepShelf(provider, req, res, [
          ...(current ? [current] : []),
          ...shelf.filter((other) => other !== handle),
        ]);
        this.cookies(provider, req, res).set(provider.cookieName('session'), handle, this.options(provider));
        const { uid, accountId, acr, amr } = session;
        await this.rebind(provider, req, res, { uid, cookie: handle, accountId, acr, amr });
      }
      return true;
    }
    return false;
  }

  /**
   * The interaction goes on with another session than the one it was begun with: the engine compares the two when it resumes. Who has signed in
   * before in this interaction, if that is somebody else, is not signed in to it any more: the engine would end the session for their sake.
   */
  private async rebind(
    provider: Provider,
    req: IncomingMessage,
    res: ServerResponse,
    session: { accountId: string; [member: string]: unknown } | undefined,
  ): Promise<void> {
    const details = await this.details(provider, req, res);
    details.session = session as EngineInteraction['session'];
    const { login, ...earlier } = (details.lastSubmission ?? {}) as { login?: Login };
    if (login && login.accountId !== session?.accountId) details.lastSubmission = earlier;
    await details.persist();
  }

  private async provider(): Promise<Provider> {
    return (await this.pool.of(currentTenantId())).provider;
  }

  private async details(provider: Provider, req: IncomingMessage, res: ServerResponse): Promise<EngineInteraction> {
    try {
      const details = await provider.interactionDetails(req, res);
      assertSameBrowser(provider, details, this.cookies(provider, req, res));
      return details;
    } catch (error) {
      if (!(error instanceof errors.SessionNotFound)) throw error;
      throw new AppError(400, 'interaction_expired', 'This sign-in took too long, or was begun in another browser', {
        cause: error,
      });
    }
  }

  /** What was established is good for this browser alone. */
  private async bound(provider: Provider, req: IncomingMessage, res: ServerResponse): Promise<BoundResult> {
    return (
      markOf(req) ??
      markBrowser(provider, await this.details(provider, req, res), req, this.cookies(provider, req, res))
    );
  }

  private currentHandle(provider: Provider, req: IncomingMessage, res: ServerResponse): string | undefined {
    return this.cookies(provider, req, res).get(provider.cookieName('session'), { signed: true });
  }

  private shelf(provider: Provider, req: IncomingMessage, res: ServerResponse): string[] {
    const sealed = this.cookies(provider, req, res).get(`${provider.cookieName('session')}_more`, { signed: true });
    if (!sealed) return [];
    try {
      return JSON.parse(this.sealer.open(sealed.replaceAll('.', ':'), shelfContext())) as string[];
    } catch {
      return [];
    }
  }

  private keepShelf(provider: Provider, req: IncomingMessage, res: ServerResponse, handles: string[]): void {
    const sealed = this.sealer
      .seal(JSON.stringify([...new Set(handles)].slice(0, shelfSize)), shelfContext())
      .replaceAll(':', '.');
    this.cookies(provider, req, res).set(`${provider.cookieName('session')}_more`, sealed, this.options(provider));
  }

  private cookies(provider: Provider, req: IncomingMessage, res: ServerResponse) {
    return provider.createContext(req, res).cookies;
  }

  private options(provider: Provider) {
    return {
      httpOnly: true,
      sameSite: 'lax',
      secure: provider.issuer.startsWith('https:'),
      signed: true,
      path: '/',
      overwrite: true,
    } as const;
  }
}

const isElsewhere = ({ binding }: BindingPolicy, home: Home | undefined): boolean =>
  home !== undefined && movedFrom(binding, home, currentContext() ?? {}).length > 0;

const shelfContext = () => `accounts:${currentTenantId()}`;
