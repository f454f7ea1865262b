// What an identity provider says of itself, as far as it can be used here: endpoints that may be called, certificates that still hold. Pure.
import { invalid } from '../../platform/errors.js';
import { mergePatch } from '../../platform/merge-patch.js';
import type { Connection } from './connection.entity.js';
import type { GivenSettings, SamlSettings } from './connection.settings.js';
import { ProviderMetadata } from './connection-oidc.settings.js';
import { IdentityProvider } from './connection-saml.settings.js';
import { certificateOf, isOver, location } from './connection-values.js';

/** SAML Metadata §2.4.3, as it stands there. */
export interface SaidInMetadata {
  entity_id: string;
  sso: readonly { binding: string; location: string }[];
  slo: readonly { binding: string; location: string; response_location?: string | undefined }[];
  /** Those it signs with: PEM. */
  certificates: readonly string[];
  /** NumericDate: validUntil (§2.3.1). */
  valid_until?: number | undefined;
}

export interface AskedOfMetadata {
  /** Which of several. */
  entity_id?: string;
  now: Date;
}

type Read<T> = { ok: true; value: T } | { ok: false; reason: string };

/** The gate's: hostile XML, and metadata that is not valid any more, are not ok. */
export type MetadataReader = (octets: Buffer, asked: AskedOfMetadata) => Promise<Read<SaidInMetadata>>;

export const askedOf = (saml: SamlSettings | undefined, now: Date): AskedOfMetadata => ({
  now,
  ...(saml?.entity_id !== undefined && { entity_id: saml.entity_id }),
});

const none = (reason: string) => ({ ok: false, reason }) as const;

/** @returns what can be used of it. Certificates that have expired are left out, unless there are no others: then it is refused. */
export function identityProviderFrom(said: Read<SaidInMetadata>, now: Date): Read<IdentityProvider> {
  if (!said.ok) return none(said.reason);
  const { entity_id, sso, slo, certificates } = said.value;
  const good = [...new Set(certificates)].filter((pem) => certificateOf(pem) !== undefined);
  if (good.length === 0) return none('no_certificate');
  const live = good.filter((pem) => !isOver(pem, now));
  if (live.length === 0) return none('certificates_expired');
  const usable = <T extends { binding: string; location: string }>(endpoints: readonly T[]) =>
    endpoints
      .filter((one) => /^(?:redirect|post)$/.test(one.binding) && location.safeParse(one.location).success)
      .slice(0, 5);
  const idp = { entity_id, sso: usable(sso), slo: usable(slo), certificates: live.slice(0, 5) };
  const { data } = IdentityProvider.safeParse(idp);
  return data ? { ok: true, value: data } : none('not_usable');
}

/** OpenID Connect Discovery 1.0 §4.3: it says it of the issuer that was asked, exactly. */
export function providerFrom(document: unknown, issuer: string): Read<ProviderMetadata> {
  if (typeof document !== 'object' || document === null) return none('not_metadata');
  if (!('issuer' in document) || document.issuer !== issuer) return none('other_issuer');
  const known = Object.keys(ProviderMetadata.shape).filter((name) => name in document);
  const { data } = ProviderMetadata.safeParse(
    Object.fromEntries(known.map((name) => [name, (document as Record<string, unknown>)[name]])),
  );
  return data ? { ok: true, value: data } : none('not_usable');
}

/** Metadata that was handed in, as though it had been typed. @throws AppError 422 */
export async function withMetadata(
  { kind, storedSettings, settings }: Connection,
  read: (asked: AskedOfMetadata) => ReturnType<MetadataReader>,
  now: Date,
): Promise<GivenSettings> {
  const found = kind === 'saml' ? identityProviderFrom(await read(askedOf(settings.saml, now)), now) : none('not_saml');
  if (!found.ok)
    throw invalid('The connection cannot be used', [
      { pointer: '/metadata', message: `cannot be read: ${found.reason}` },
    ]);
  // All that was typed before was said of another one.
  const without = mergePatch(storedSettings, { saml: { idp: null, metadata_url: null } });
  return mergePatch(without, { saml: { idp: found.value } });
}
