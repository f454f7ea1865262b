// API keys as subject tokens (RFC 8693 §3: a token type of ours): what they are worth at other resources, and for how long. What a key is given here
// lives for minutes, whatever the key does.
import { errors } from 'oidc-provider';
import { lifetimes } from '../../../config/protocol.js';
import type { ApiKeyUsage } from '../../features/api-keys/api-key-usage.js';
import type { PresentedKeys } from '../../features/api-keys/presented-keys.js';
import type { Presented } from '../../features/exchange/decision.js';
import { epochSeconds } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import type { Limiter } from '../../platform/rate-limit.js';

export const API_KEY = 'urn:ostiary:params:oauth:token-type:api_key';

/** @returns undefined for a key that is not good here and now. @throws SlowDown for one that was used as often as it may be. */
export type ReadKey = (value: string) => Promise<Presented | undefined>;

export const apiKeys =
  (
    keys: PresentedKeys,
    usage: ApiKeyUsage,
    limiter: Pick<Limiter, 'take'>,
    testKeys: () => Promise<boolean>,
  ): ReadKey =>
  async (value) => {
    const key = await keys.know(value, { testKeys: await testKeys(), boundOnly: false });
    if (!key) return undefined;
    if (key.requestsPerMinute !== null) await spend(limiter, key.id, key.requestsPerMinute);
    usage.count(key.id);
    const scopesAt = new Map(key.resources.map(({ identifier, scopes }) => [identifier, new Set(scopes)] as const));
    const [only, ...others] = scopesAt.keys();
    const latest = epochSeconds(new Date()) + lifetimes.exchangedApiKey;
    return {
      clientId: undefined,
      accountId: key.owner?.id,
      key: { id: key.id, scopesAt },
      // Where there is only one it need not be named.
      audience: others.length === 0 ? only : undefined,
      scopes: new Set(),
      exp: key.expiresAt ? Math.min(latest, epochSeconds(key.expiresAt)) : latest,
    };
  };

/** The same count as at the management API. */
async function spend(limiter: Pick<Limiter, 'take'>, keyId: string, limit: number): Promise<void> {
  const { exceeded, seconds } = await limiter.take(`${currentTenantId()}\0${keyId}`, limit);
  if (exceeded) throw new errors.SlowDown(`that was the limit of this key: wait ${seconds} seconds`);
}

const subjects = new WeakMap<object, string>();

/** A key that speaks for itself is neither a person nor the client: kept beside the token until the engine writes it. */
export function speaksFor(token: object, keyId: string): void {
  subjects.set(token, `api_key:${keyId}`);
}

export const isOfKey = (token: object): boolean => subjects.has(token);

/** formats.customizers.jwt (RFC 9068 §2.2): whom a JWT access token speaks for. */
export function saySubject(_ctx: unknown, token: object, { payload }: { payload: Record<string, unknown> }): void {
  const sub = subjects.get(token);
  if (sub !== undefined) payload.sub = sub;
}
