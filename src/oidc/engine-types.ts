// The parts of the engine's request that we read. Its published types are a release behind; these are the ones the code relies on.
import type { KoaContextWithOIDC } from 'oidc-provider';

export type EngineContext = KoaContextWithOIDC;

/** A refusal: what the client is told, and what it is not. */
export type EngineError = Error & { error?: string; error_description?: string; error_detail?: string };
