// The parts of the engine's request that we read. Its published types are a release behind; these are the ones the code relies on.
import type { KoaContextWithOIDC } from 'oidc-provider';
import { ENGINE_EXTRAS } from '../features/clients/client-lookup.js';

export type EngineContext = KoaContextWithOIDC;

/** A refusal: what the client is told, and what it is not. */
export type EngineError = Error & { error?: string; error_description?: string; error_detail?: string };

/** Settings of a client beyond RFC 7591, as extraClientMetadata hands them over. */
export interface ClientSettings {
  consent_policy?: 'explicit' | 'implicit' | undefined;
  dynamic?: boolean | undefined;
  /** Every scope the client may ask for, those of resources included; `scope` itself holds the engine's own only. */
  allowed_scope?: string | undefined;
  allowed_cors_origins?: string[] | undefined;
  /** Seconds. */
  access_token_ttl?: number | undefined;
  /** Seconds. */
  refresh_token_ttl?: number | undefined;
  /** Seconds in which the same refresh token gets the same answer again; 0 turns it off. */
  refresh_grace?: number | undefined;
}

/** Under which names they travel: names that nobody can register. */
export const clientSettings: string[] = Object.values(ENGINE_EXTRAS);

export function settingsOf(client: unknown): ClientSettings {
  const members = (client ?? {}) as Record<string, never>;
  return {
    consent_policy: members[ENGINE_EXTRAS.consentPolicy],
    dynamic: members[ENGINE_EXTRAS.dynamic],
    allowed_scope: members[ENGINE_EXTRAS.allowedScope],
    allowed_cors_origins: members[ENGINE_EXTRAS.allowedCorsOrigins],
    access_token_ttl: members[ENGINE_EXTRAS.accessTokenTtl],
    refresh_token_ttl: members[ENGINE_EXTRAS.refreshTokenTtl],
    refresh_grace: members[ENGINE_EXTRAS.refreshGrace],
  };
}
