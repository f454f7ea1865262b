// What a connection may be told, and what it still lacks to be enabled. Pure.
import { createPrivateKey } from 'node:crypto';
import type { Issue } from '../../platform/errors.js';
import type { Connection } from './connection.entity.js';
import { CONNECTION_KINDS, lacking } from './connection.settings.js';
import { identityProviderOf, providerMetadataOf } from './connection-upstream.js';
import { isValidAt } from './connection-values.js';
import { presetOf } from './presets/presets.js';

/** @param before as it is now, where it is there already. @returns what cannot be so, whatever is added later. */
export function problemsOf(connection: Connection, now: Date, before?: Connection): Issue[] {
  const { kind, preset, storedSettings } = connection;
  const others = CONNECTION_KINDS.filter((one) => one !== kind && one in storedSettings);
  return [
    ...(preset && presetOf(preset).kind !== kind ? [issue('/kind', `must be ${presetOf(preset).kind}`)] : []),
    ...ofPublic(connection),
    ...others.map((one) => issue(`/settings/${one}`, `is of another kind than ${kind}`)),
    ...(connection.organizationId ? ofOrganization(connection) : ofTenant(connection)),
    ...ofSaml(connection, now, before),
  ];
}

/** Whoever has no address of their own there types somebody else's. */
function ofPublic({ preset, storedSettings, settings: { trust } }: Connection): Issue[] {
  if (!preset || trust.email !== 'always' || !presetOf(preset).isPublic(storedSettings)) return [];
  return [issue('/settings/trust/email', 'cannot be always where anybody may have an account')];
}

/** Which of its people come by it is shown by the domains it has proved: nobody is told who is a customer, and nobody has another one's. */
function ofOrganization({ settings: { domains, button } }: Connection): Issue[] {
  return [
    ...(domains.length > 0 ? [issue('/settings/domains', 'an organization has the domains that it has proved')] : []),
    ...(button ? [issue('/settings/button', 'is for connections of the tenant')] : []),
  ];
}

/** There is no organization in which anybody would be something. */
function ofTenant({ settings: { provisioning } }: Connection): Issue[] {
  const { role, roles, groups, deprovision } = provisioning;
  const said = {
    role: role !== null,
    roles: roles.length > 0,
    groups: groups.length > 0,
    deprovision: deprovision !== 'keep',
  };
  return Object.entries(said)
    .filter(([, given]) => given)
    .map(([name]) => issue(`/settings/provisioning/${name}`, 'is for connections of an organization'));
}

function ofSaml({ settings: { saml } }: Connection, now: Date, before?: Connection): Issue[] {
  if (!saml?.idp) return [];
  if (saml.metadata_url) return [issue('/settings/saml/metadata_url', 'is instead of idp: only one of them')];
  // Those that are there may expire; none is put there that has.
  const kept = before?.settings.saml?.idp?.certificates.join() === saml.idp.certificates.join();
  return kept || !expired(saml.idp.certificates, now) ? [] : [noneValid];
}

const noneValid: Issue = { pointer: '/settings/saml/idp/certificates', message: 'none of them is valid now' };
const expired = (certificates: readonly string[], now: Date) => !certificates.some((pem) => isValidAt(pem, now));

/** @param secret what we show ourselves with, in the clear. @returns what is missing. */
export function missingOf(connection: Connection, secret: string | undefined, now: Date): Issue[] {
  const { kind, settings } = connection;
  const issues = lacking(connection).map(({ path, message }) =>
    issue(`/settings/${[kind, ...path].join('/')}`, message),
  );
  if (settings.saml) return [...issues, ...missingIdentityProvider(connection, now)];
  if (settings.oidc && !providerMetadataOf(connection))
    issues.push(issue('/settings/oidc/issuer', 'what it says of itself could not be read yet'));
  const method = (settings.oidc ?? settings.oauth2)?.token_endpoint_auth_method ?? '';
  if (method.startsWith('client_secret') && !secret)
    issues.push(issue('/client_secret', 'is needed to show who we are'));
  if (settings.oidc?.apple && secret && !isPrivateKey(secret))
    issues.push(issue('/client_secret', 'must be the private key (PKCS #8, PEM) that Apple has given'));
  return issues;
}

function missingIdentityProvider(connection: Connection, now: Date): Issue[] {
  const idp = identityProviderOf(connection);
  if (!idp && connection.settings.saml?.metadata_url)
    return [issue('/settings/saml/metadata_url', 'what it says could not be read yet')];
  if (!idp) return [issue('/settings/saml/idp', 'this, metadata or metadata_url is needed')];
  return expired(idp.certificates, now) ? [noneValid] : [];
}

function isPrivateKey(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyDetails?.namedCurve === 'prime256v1';
  } catch {
    return false;
  }
}

const issue = (pointer: string, message: string): Issue => ({ pointer, message });
