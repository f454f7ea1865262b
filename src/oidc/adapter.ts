// The engine's seven calls, mapped onto features/protocol and features/clients. No rule lives here.
import { type Adapter, errors, Provider } from 'oidc-provider';
import type { RegisteredClients } from '../features/clients/registered-clients.js';
import { DeviceCodeTaken } from '../features/protocol/device-codes.js';
import { AlreadyConsumed } from '../features/protocol/engine-rows.js';
import type { GrantEnd } from '../features/protocol/grant-endings.js';
import type { Payload } from '../features/protocol/handles.js';
import type { Protocol } from '../features/protocol/protocol.js';
import { ProtocolRequest } from '../features/protocol/request.js';
import { epochSeconds } from '../platform/clock.js';
import { AppError } from '../platform/errors.js';
import type { ConfigurationDependencies } from './configuration/chapter.js';
import type { EngineContext } from './engine-types.js';
import { withinRegistration } from './grant.js';
import { REGISTRATION_POLICY } from './registration.js';

/** The refresh token was exchanged a moment ago; the engine has made all its checks, so the same answer may be given again. */
export class AlreadyRotated extends Error {}

const requests = new WeakMap<object, ProtocolRequest>();

/** What the current call to the engine has read and wants to write. */
export function requestOf(ctx: object | undefined): ProtocolRequest {
  if (!ctx) return new ProtocolRequest();
  let request = requests.get(ctx);
  if (!request) {
    request = new ProtocolRequest();
    requests.set(ctx, request);
  }
  return request;
}

/** A token presented for introspection or revocation may be any of these: one statement looks for all three. */
const anyToken = ['AccessToken', 'ClientCredentials', 'RefreshToken'];
const routesOfAnyToken = new Set(['introspection', 'revocation']);

type Dependencies = Pick<
  ConfigurationDependencies,
  'protocol' | 'clients' | 'registeredClients' | 'initialAccessTokens'
>;

export function createAdapter(
  { protocol, clients, registeredClients: registered, initialAccessTokens }: Dependencies,
  grantTypesOff: ReadonlySet<string>,
): new (
  kind: string,
) => Adapter {
  return class EngineAdapter {
    constructor(private readonly kind: string) {}

    async find(id: string): Promise<Payload | undefined> {
      const ctx = currentEngineContext();
      switch (this.kind) {
        case 'Client':
          return without(grantTypesOff, (await clients.engineMetadata(id)) as Payload | undefined);
        case 'Session':
          return protocol.sessions.find(requestOf(ctx), id);
        case 'Grant':
          return withinRegistration(clients, await protocol.grants.find(requestOf(ctx), id));
        case 'InitialAccessToken': {
          const token = await initialAccessTokens.presented(id);
          return (
            token && { jti: id, kind: this.kind, exp: epochSeconds(token.expiresAt), policies: [REGISTRATION_POLICY] }
          );
        }
        case 'RegistrationAccessToken': {
          const payload = await protocol.rows.find(requestOf(ctx), this.kind, id);
          return payload && { ...payload, policies: [REGISTRATION_POLICY] };
        }
        default: {
          const siblings =
            routesOfAnyToken.has(ctx?.oidc?.route ?? '') && anyToken.includes(this.kind) ? anyToken : undefined;
          return protocol.rows.find(requestOf(ctx), this.kind, id, siblings);
        }
      }
    }

    async findByUid(uid: string): Promise<Payload | undefined> {
      return protocol.sessions.findByUid(requestOf(currentEngineContext()), uid);
    }

    async findByUserCode(userCode: string): Promise<Payload | undefined> {
      return protocol.deviceCodes.findByUserCode(userCode);
    }

    async upsert(id: string, payload: Payload): Promise<void> {
      const request = requestOf(currentEngineContext());
      switch (this.kind) {
        case 'Client':
          return saveRegistered(registered, payload, currentEngineContext());
        case 'Session':
          await protocol.sessions.save(request, id, payload);
          return;
        case 'Grant':
          throw new Error('grants are given through features/protocol');
        case 'DeviceCode':
          return saveDeviceCode(protocol, request, id, payload);
        default:
          return protocol.rows.save(request, { kind: this.kind, handle: id, payload });
      }
    }

    async consume(id: string): Promise<void> {
      const request = requestOf(currentEngineContext());
      if (this.kind === 'RefreshToken' && request.earlierAnswer !== undefined) throw new AlreadyRotated();
      try {
        await protocol.rows.consume(request, this.kind, id);
      } catch (error) {
        if (!(error instanceof AlreadyConsumed)) throw error;
        if (this.kind === 'PushedAuthorizationRequest') {
          throw new errors.InvalidRequestUri('request_uri is invalid, expired, or was already used');
        }
        throw new errors.InvalidGrant('already used');
      }
    }

    async destroy(id: string): Promise<void> {
      const ctx = currentEngineContext();
      const request = requestOf(ctx);
      switch (this.kind) {
        case 'Client':
          return registered.delete(id);
        case 'Grant':
          return protocol.grants.end(request, id, reasonOf(ctx));
        case 'Session':
          // A rotation: the old handle retires with the save that follows. Sessions end through Session.prototype.destroy.
          return;
        case 'RefreshToken': {
          // A spent token stays: without its row a second reuse could not be told from a token that never was.
          const payload = await protocol.rows.find(request, this.kind, id);
          if (payload?.consumed) return;
        }
      }
      await protocol.rows.destroy(request, this.kind, id);
    }

    /** Tokens are read together with their grant, so ending the grant ends them all; which kind the engine asks for does not matter. */
    async revokeByGrantId(grantId: string): Promise<void> {
      const ctx = currentEngineContext();
      // Revoking an access token ends that token; revoking a refresh token ends the grant (RFC 7009 §2.1).
      if (ctx?.oidc.route === 'revocation' && ctx.oidc.entities.AccessToken) return;
      const reason = reasonOf(ctx);
      const reuse = {
        kind: ctx?.oidc.params?.grant_type === 'authorization_code' ? 'AuthorizationCode' : 'RefreshToken',
        why: 'used again, too late',
      };
      await protocol.grants.end(requestOf(ctx), grantId, reason, reason === 'reuse' ? reuse : undefined);
    }
  } as unknown as new (
    kind: string,
  ) => Adapter;
}

/** What the tenant has turned off is not there; what else the client may do it still may. */
function without(off: ReadonlySet<string>, client: Payload | undefined): Payload | undefined {
  const types = client?.grant_types as string[] | undefined;
  return types?.some((type) => off.has(type))
    ? { ...client, grant_types: types.filter((type) => !off.has(type)) }
    : client;
}

/** Of two browsers the second is told what it would have been told a moment later (RFC 8628 §3.3). */
async function saveDeviceCode(
  protocol: Protocol,
  request: ProtocolRequest,
  id: string,
  payload: Payload,
): Promise<void> {
  try {
    await protocol.deviceCodes.save(request, id, payload);
  } catch (error) {
    if (!(error instanceof DeviceCodeTaken)) throw error;
    throw new errors.InvalidRequest(error.message);
  }
}

async function saveRegistered(
  registered: RegisteredClients,
  payload: Payload,
  ctx: EngineContext | undefined,
): Promise<void> {
  try {
    await registered.save(payload, ctx?.oidc.entities.InitialAccessToken?.jti);
  } catch (error) {
    // Used up since the engine has looked: as where it was before (RFC 7591 §3.2.2).
    if (error instanceof AppError && error.status === 401)
      throw new errors.InvalidToken('initial access token not found');
    // RFC 7592 §2.2: as where the client is gone already.
    if (error instanceof AppError && error.status === 404) throw new errors.InvalidToken('client not found');
    if (!(error instanceof AppError) || error.status !== 422) throw error;
    const issues = error.details.issues?.map(({ pointer, message }) => `${pointer.slice(1)} ${message}`).join('; ');
    throw new errors.InvalidClientMetadata(issues ?? error.message);
  }
}

export const currentEngineContext = (): EngineContext | undefined =>
  Provider.ctx as unknown as EngineContext | undefined;

function reasonOf(ctx: EngineContext | undefined): GrantEnd {
  const route = ctx?.oidc.route;
  if (route === 'end_session_confirm') return 'logout';
  return route === 'token' ? 'reuse' : 'revoked';
}
