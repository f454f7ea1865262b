// The parts of the engine's request that we read. Its published types are a release behind; these are the ones the code relies on.
import type { KoaContextWithOIDC } from 'oidc-provider';

export type EngineContext = KoaContextWithOIDC;

/** Settings of a client beyond RFC 7591, as extraClientMetadata hands them over. */
export interface ClientSettings {
  consent_policy?: 'explicit' | 'implicit';
  dynamic?: boolean;
  /** Every scope the client may ask for, those of resources included; `scope` itself holds the engine's own only. */
  allowed_scope?: string;
  allowed_cors_origins?: string[];
  /** Seconds. */
  access_token_ttl?: number;
  /** Seconds. */
  refresh_token_ttl?: number;
  /** Seconds in which the same refresh token gets the same answer again; 0 turns it off. */
  refresh_grace?: number;
}

export const clientSettings = [
  'consent_policy',
  'dynamic',
  'allowed_scope',
  'allowed_cors_origins',
  'access_token_ttl',
  'refresh_token_ttl',
  'refresh_grace',
] as const satisfies readonly (keyof ClientSettings)[];
