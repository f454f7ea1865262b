// The token endpoint, around the engine's own grant handlers: what is spent and what it is exchanged for are written in one statement,
// and a refresh token that comes again within its grace window gets the same answer again.

import { createHash } from 'node:crypto';
import { calculateJwkThumbprint, decodeProtectedHeader } from 'jose';
import { errors } from 'oidc-provider';
import { lifetimes } from '../../config/protocol.js';
import { settingsOf } from '../features/clients/client-settings.js';
import { AlreadyConsumed } from '../features/protocol/engine-rows.js';
import type { Protocol } from '../features/protocol/protocol.js';
import { AlreadyRotated, requestOf } from './adapter.js';
import { certificateOf } from './certificates.js';
import type { EngineContext } from './engine-types.js';

type Handler = (ctx: EngineContext) => Promise<void>;

/** What a refresh was answered with, and what it had asked for. */
interface Answer {
  body: unknown;
  asked: string;
  /** As it was named; which grant it is for was checked then. */
  organization?: unknown;
  key: string | undefined;
}

/** Wraps one grant type: all of its writes happen at the end, together, or none does. */
export function exchanging(protocol: Protocol, grantType: string, engine: Handler): Handler {
  return async (ctx) => {
    const request = requestOf(ctx);
    request.beginUnit();
    try {
      await engine(ctx);
    } catch (error) {
      request.takeUnit();
      if (!(error instanceof AlreadyRotated)) throw error;
      return answerAgain(protocol, ctx, request.earlierAnswer as string);
    }

    const seconds = settingsOf(ctx.oidc.client).refresh_grace ?? lifetimes.refreshGrace;
    const answer =
      grantType === 'refresh_token' && seconds > 0 ? { text: JSON.stringify(await describe(ctx)), seconds } : undefined;
    try {
      await protocol.rows.flush(request, answer);
    } catch (error) {
      if (!(error instanceof AlreadyConsumed)) throw error;
      await lost(protocol, ctx, error);
    }
  };
}

/** Somebody else spent it while this request was made: a refresh token gives the same answer, anything else is reuse. */
async function lost(protocol: Protocol, ctx: EngineContext, { kind, grantId }: AlreadyConsumed): Promise<void> {
  const earlier =
    kind === 'RefreshToken' ? await protocol.rows.earlierAnswer(String(ctx.oidc.params?.refresh_token)) : undefined;
  if (earlier !== undefined) return answerAgain(protocol, ctx, earlier);
  // RFC 6749 §4.1.2, RFC 9700 §4.14.2: who of the two is the thief cannot be told, so everything issued from it ends.
  if (grantId) await protocol.grants.end(requestOf(ctx), grantId, 'reuse', { kind, why: 'two at once' });
  throw new errors.InvalidGrant(`${kind} was used before`);
}

/** @throws InvalidGrant for another key or organization (nothing is burnt), or for another scope or resource (the family ends). */
async function answerAgain(protocol: Protocol, ctx: EngineContext, text: string): Promise<void> {
  const earlier = JSON.parse(text) as Answer;
  const now = await describe(ctx);
  if (earlier.key !== now.key)
    throw new errors.InvalidGrant('the refresh token was used with another key or certificate');
  if (earlier.organization !== now.organization)
    throw new errors.InvalidGrant('the refresh token was used for another organization');
  if (earlier.asked !== now.asked) {
    const grantId = ctx.oidc.entities.RefreshToken?.grantId;
    if (grantId)
      await protocol.grants.end(requestOf(ctx), grantId, 'reuse', {
        kind: 'RefreshToken',
        why: 'another scope or resource',
      });
    throw new errors.InvalidGrant('refresh token already used for another scope or resource');
  }
  ctx.body = earlier.body as Record<string, unknown>;
}

async function describe(ctx: EngineContext): Promise<Answer> {
  const { scope, resource, authorization_details: details } = ctx.oidc.params ?? {};
  const scopes = String(scope ?? '')
    .split(' ')
    .filter(Boolean)
    .sort();
  const resources = [resource].flat().filter(Boolean).sort();
  const asked = JSON.stringify([scopes, resources, ...(details === undefined ? [] : [details])]);
  const { organization } = (ctx.oidc.body ?? {}) as { organization?: unknown };
  return { body: ctx.body, asked, organization, key: await proofKey(ctx) };
}

/** Whose the tokens are: the thumbprint of the DPoP key (RFC 9449 §6.1), whose proof the engine has verified, or of the certificate (RFC 8705 §3.1). */
async function proofKey(ctx: EngineContext): Promise<string | undefined> {
  const proof = ctx.get('DPoP');
  if (!proof) return certificateKey(ctx);
  const { jwk } = decodeProtectedHeader(proof);
  return jwk && calculateJwkThumbprint(jwk);
}

function certificateKey(ctx: EngineContext): string | undefined {
  const bound =
    ctx.oidc.client?.tlsClientCertificateBoundAccessTokens ||
    ctx.oidc.entities.RefreshToken?.['x5t#S256'] !== undefined;
  const certificate = bound ? certificateOf(ctx) : undefined;
  return certificate && `x5t#S256 ${createHash('sha256').update(certificate.raw).digest('base64url')}`;
}
