// Who is asking, at which issuer: ambient for the length of one request, job or command.
import { AsyncLocalStorage } from 'node:async_hooks';

export interface Actor {
  type: 'user' | 'client' | 'system' | 'api_key';
  id: string;
  /** What the actor may do, where that is limited by a token. */
  scopes?: ReadonlySet<string>;
  /** By a token that is bound to a certificate, which was shown. */
  certificateBound?: boolean;
  /** By which key they ask, where it is one: that of a person speaks for the person, any other for itself. */
  apiKey?: { id: string; environment: string };
  /** Of a person who asks with a token: the client that it was given to, and what it ends with. */
  token?: { clientId: string; grant: string; session?: string };
  /** Roles that open no more than that: whoever has another one is not theirs to change. Absent: of a client, whose scopes say it all. */
  rolesWithin?: ReadonlySet<string>;
  /** Keys of the roles that a person has now. Absent: of a client or a key of the tenant, whose scopes say it all. */
  roles?: readonly string[];
  /** The session of theirs in which a token was given. */
  sessionUid?: string | undefined;
}

export interface RequestContext {
  requestId: string;
  tenantId?: string;
  actor?: Actor;
  ip?: string;
  userAgent?: string;
  /** What the browser holds to be recognised by. */
  handles?: readonly string[];
  /** Asks only for what is published anyway (RFC 8414, RFC 7517): an older answer is better than none. */
  published?: boolean;
}

const storage = new AsyncLocalStorage<RequestContext>();

export const runInContext = <T>(context: RequestContext, work: () => T): T => storage.run(context, work);

/** Runs work as another tenant or actor; what is not named is inherited. */
export const withContext = <T>(change: Partial<RequestContext>, work: () => T): T =>
  storage.run({ ...(storage.getStore() ?? { requestId: 'none' }), ...change }, work);

/** From here to its end the request is one of this tenant: another context around the rest of it would cost more. */
export function enterTenant(tenantId: string): void {
  const context = storage.getStore();
  if (!context) throw new Error('no context to enter a tenant in');
  context.tenantId = tenantId;
}

/** From here to its end the request is one of this person or client. */
export function enterActor(actor: Actor): void {
  const context = storage.getStore();
  if (!context) throw new Error('no context to enter an actor in');
  context.actor = actor;
}

export const currentContext = (): RequestContext | undefined => storage.getStore();

/** @throws Error when nobody said which tenant: a read or write of a tenant's rows must never guess. */
export function currentTenantId(): string {
  const tenantId = storage.getStore()?.tenantId;
  if (!tenantId) throw new Error('no tenant in the current context');
  return tenantId;
}
