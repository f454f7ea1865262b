// What is known of an identity provider now: as it was typed, or as it was last read (connection-refresh.ts). Pure.
import { z } from 'zod';
import type { Connection } from './connection.entity.js';
import type { SamlSettings } from './connection.settings.js';
import { ProviderMetadata } from './connection-oidc.settings.js';
import { IdentityProvider } from './connection-saml.settings.js';
import { certificateOf } from './connection-values.js';

/** What `connections.upstream` holds: good only as long as it would be read at the same place. */
const source = z.string();
export const ReadIdentityProvider = z.strictObject({
  source,
  idp: IdentityProvider,
  /** NumericDate: validUntil. */
  valid_until: z.int().optional(),
  /** It was over before anything newer could be read. */
  over: z.boolean().optional(),
});
export const ReadProvider = z.strictObject({ source, metadata: ProviderMetadata });

/** @returns undefined for one of another kind, and where nothing was typed or read yet. */
export function identityProviderOf(connection: Connection): IdentityProvider | undefined {
  const { saml } = connection.settings;
  if (!saml || saml.idp) return saml?.idp;
  const read = readOf(connection, saml);
  // SAML Metadata §2.3.1: whoever cannot be asked any more may have withdrawn what signs for them.
  return read?.over ? undefined : read?.idp;
}

function readOf(connection: Connection, saml: SamlSettings): z.output<typeof ReadIdentityProvider> | undefined {
  const { data } = ReadIdentityProvider.safeParse(connection.upstream);
  if (!data || data.source !== sourceOf(connection)) return undefined;
  return isMeant(saml, data.idp) ? data : undefined;
}

export const isMeant = ({ entity_id }: SamlSettings, idp: IdentityProvider): boolean =>
  entity_id === undefined || entity_id === idp.entity_id;

/** As above. What is typed goes before what was read. */
export function providerMetadataOf(connection: Connection): ProviderMetadata | undefined {
  const { oidc } = connection.settings;
  if (!oidc) return undefined;
  const { data } = ReadProvider.safeParse(connection.upstream);
  const read = data?.source === sourceOf(connection) ? data?.metadata : undefined;
  return ProviderMetadata.safeParse({ ...read, ...oidc.metadata }).data;
}

/** Where it says what it is; undefined where nothing is to be read. */
export function sourceOf({ settings: { saml, oidc } }: Pick<Connection, 'settings'>): string | undefined {
  if (saml) return saml.idp ? undefined : saml.metadata_url;
  // What is typed needs nobody to say it.
  if (!oidc || ProviderMetadata.safeParse(oidc.metadata).success) return undefined;
  // OpenID Connect Discovery 1.0 §4.
  return `${oidc.issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

/** By what its people are known, as far as it is: under another one they are others. */
export function nameOf(connection: Connection): string | undefined {
  const { saml, oidc, oauth2 } = connection.settings;
  if (saml) return (saml.idp ?? readOf(connection, saml)?.idp)?.entity_id ?? saml.entity_id;
  // OAuth 2.0 has no issuer that would name its people: the API does, by one of its members.
  return oidc?.issuer ?? (oauth2 && `${oauth2.userinfo_endpoint}#${oauth2.subject}`);
}

export interface CertificateFacts {
  subject: string;
  fingerprint: string;
  not_before: string;
  not_after: string;
  /** Whole ones that are left; negative where it has expired. */
  days_left: number;
}

const dayMs = 86_400_000;

/** @param pem a certificate that was checked when it was taken. */
export function factsOf(pem: string, now: Date): CertificateFacts | undefined {
  const certificate = certificateOf(pem);
  if (!certificate) return undefined;
  const { subject, fingerprint256 } = certificate;
  const [from, to] = [new Date(certificate.validFrom), new Date(certificate.validTo)];
  return {
    subject: subject.replaceAll('\n', ', ').slice(0, 500),
    fingerprint: fingerprint256,
    not_before: from.toISOString(),
    not_after: to.toISOString(),
    days_left: Math.floor((to.getTime() - now.getTime()) / dayMs),
  };
}
