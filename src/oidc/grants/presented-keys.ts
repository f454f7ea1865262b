// API keys as subject tokens (RFC 8693 §3: a token type of ours): what they are worth at other resources, and for how long. What a key is given here
// lives for minutes, whatever the key does.
import { lifetimes } from '../../../config/protocol.js';
import type { ApiKeyUsage } from '../../features/api-keys/api-key-usage.js';
import type { PresentedKeys } from '../../features/api-keys/presented-keys.js';
import type { Presented } from '../../features/exchange/decision.js';
import { epochSeconds } from '../../platform/clock.js';

export const API_KEY = 'urn:ostiary:params:oauth:token-type:api_key';

/** @returns undefined for a key that is not good here and now. */
export type ReadKey = (value: string) => Promise<Presented | undefined>;

export const apiKeys =
  (keys: PresentedKeys, usage: ApiKeyUsage, testKeys: () => Promise<boolean>): ReadKey =>
  async (value) => {
    const key = await keys.know(value, { testKeys: await testKeys(), boundOnly: false });
    if (!key) return undefined;
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
