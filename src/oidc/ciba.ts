// Client-Initiated Backchannel Authentication (OpenID Connect CIBA): whom a request means, and where it is put for them to decide.
import { errors } from 'oidc-provider';
import { polling } from '../../config/protocol.js';
import type { BackchannelRequests } from '../features/backchannel-requests/backchannel-requests.js';
import type { UserService } from '../features/users/user.service.js';
import type { EngineContext } from './engine-types.js';

const GRANT = 'urn:openid:params:grant-type:ciba';

type Next = () => Promise<void>;

/** §7.3 `interval`; those who are pinged may ask as well. */
export async function tellBackchannelInterval(ctx: EngineContext, next: Next): Promise<void> {
  await next();
  const body = ctx.body as Record<string, unknown> | undefined;
  if (ctx.status === 200 && typeof body?.auth_req_id === 'string') ctx.body = { ...body, interval: polling.interval };
  // §13, RFC 6749 §5.2; the engine calls it an invalid request.
  if (body?.error === 'invalid_request' && ctx.oidc.client && !ctx.oidc.client.grantTypeAllowed(GRANT))
    ctx.body = { ...body, error: 'unauthorized_client' };
}

/** §4: the engine says of every server that it knows user codes, which here are refused. */
export async function tellNoUserCodes(ctx: EngineContext, next: Next): Promise<void> {
  await next();
  const body = ctx.body as Record<string, unknown> | undefined;
  if (body?.backchannel_user_code_parameter_supported) body.backchannel_user_code_parameter_supported = false;
}

/** §7.1: short, and of characters that both devices can show. */
export function assertBindingMessage(message: string | undefined): void {
  if (message === undefined || /^[\p{L}\p{N} .,:;!?#+/_-]{1,64}$/u.test(message)) return;
  throw new errors.InvalidBindingMessage('binding_message must be 1 to 64 letters, digits, spaces or .,:;!?#+/_-');
}

/** §7.1 login_hint: the address by which people sign in. One statement, whether there is such a person or not. */
export async function personOf(users: Pick<UserService, 'findByEmail'>, hint: string): Promise<string | undefined> {
  const user = await users.findByEmail(hint);
  return user?.active ? user.id : undefined;
}

interface Saved {
  jti?: string;
  accountId?: string;
  clientId?: string;
  scope?: string;
  resource?: string | string[];
  exp?: number;
  remainingTTL?: number;
  params?: Record<string, unknown>;
}

/** The engine has saved what the client polls for; from here on the person sees that they are asked. */
export async function askPerson(requests: BackchannelRequests, saved: Saved, now: Date): Promise<void> {
  const { binding_message, acr_values } = saved.params ?? {};
  await requests.ask({
    handle: String(saved.jti),
    userId: String(saved.accountId),
    clientId: String(saved.clientId),
    bindingMessage: textOf(binding_message),
    scope: saved.scope ?? '',
    resource: [saved.resource ?? []].flat()[0],
    acrValues: textOf(acr_values),
    expiresAt: new Date(now.getTime() + (saved.remainingTTL ?? 0) * 1000),
  });
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
