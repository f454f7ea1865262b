// Mutual TLS (RFC 8705) as the engine asks for it: the certificate that the front has found on the request, and whether it is the client's.
// The endpoints where one may be shown lie at an address of their own (§5).
import type { X509Certificate } from 'node:crypto';
import type { Provider } from 'oidc-provider';
import { routes } from '../../config/protocol.js';
import { type SubjectMember, subjectMatches } from '../features/clients/certificate-names.js';
import type { PeerCertificate } from '../platform/peer-certificate.js';
import type { EngineContext } from './engine-types.js';
import { engineRoutes } from './routes.js';

/** What the front has put on the request (front.ts). */
type Fronted = { req: { front?: { certificate?: PeerCertificate | undefined; aliases?: string | undefined } } };

const peerOf = (ctx: unknown): PeerCertificate | undefined => (ctx as Fronted).req.front?.certificate;

export const certificateOf = (ctx: unknown): X509Certificate | undefined => peerOf(ctx)?.certificate;

/** Of the engine's two questions about tls_client_auth: an authority vouches for it, and today. */
export function certificateAuthorized(ctx: unknown, now: Date = new Date()): boolean {
  const peer = peerOf(ctx);
  if (!peer?.vouched) return false;
  // A connection may be older than the end of its certificate.
  const { validFrom, validTo } = peer.certificate;
  return new Date(validFrom) <= now && now < new Date(validTo);
}

export function certificateSubjectMatches(ctx: unknown, member: string, expected: string): boolean {
  const certificate = certificateOf(ctx);
  return certificate !== undefined && subjectMatches(certificate, member as SubjectMember, expected);
}

/** RFC 8705 §5: which endpoints have an alias, by their names in discovery. */
const aliased = {
  token_endpoint: routes.token,
  revocation_endpoint: routes.revocation,
  introspection_endpoint: routes.introspection,
  pushed_authorization_request_endpoint: routes.pushed_authorization_request,
  userinfo_endpoint: routes.userinfo,
  device_authorization_endpoint: routes.device_authorization,
  backchannel_authentication_endpoint: routes.backchannel_authentication,
} as const;

const answered = new Set(engineRoutes.map(({ path }) => path));
const aliases = Object.entries(aliased).filter(([, path]) => answered.has(path));

/** All that is answered at the address of certificates. */
export const aliasedRoutes: ReadonlySet<string> = new Set(aliases.map(([, path]) => path));

export const aliasesAt = (address: string): Record<string, string> =>
  Object.fromEntries(aliases.map(([name, path]) => [name, `${address}${path}`]));

/** Where no certificate can be shown, nothing is said of them; clients that need one are refused all the same. */
export function sayWhatIsThere(ctx: EngineContext): void {
  const document = ctx.body as Record<string, unknown> | undefined;
  if (!document?.tls_client_certificate_bound_access_tokens) return;
  delete document.tls_client_certificate_bound_access_tokens;
  for (const [name, value] of Object.entries(document))
    if (name.endsWith('_auth_methods_supported') && Array.isArray(value))
      document[name] = value.filter((method) => !String(method).endsWith('tls_client_auth'));
}

/** RFC 8705 §5: what the tenant has turned off has no alias either. */
export function sayWhichAliases(ctx: EngineContext): void {
  const document = ctx.body as Record<string, unknown> | undefined;
  if (!document?.mtls_endpoint_aliases) return;
  const named = Object.entries(document.mtls_endpoint_aliases).filter(([name]) => document[name] !== undefined);
  document.mtls_endpoint_aliases = Object.fromEntries(named);
}

/** RFC 9449 §4.3: the htu of a proof is the address that was asked; everything else is told at the issuer's. */
export function proveAtAliases(provider: Provider): void {
  const context = provider.OIDCContext.prototype as unknown as {
    ctx: EngineContext;
    route: string;
    urlFor(name: string, options?: unknown): string;
  };
  const { urlFor } = context;
  context.urlFor = function (name, options) {
    const address = (this.ctx as unknown as Fronted).req.front?.aliases;
    return address !== undefined && name === this.route
      ? `${address}${this.ctx.path}`
      : urlFor.call(this, name, options);
  };
}
