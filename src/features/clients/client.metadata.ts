// Client metadata in the words of RFC 7591 and OIDC Registration, stored as it is sent: one chapter for each part of the standards (metadata/). What a
// further standard registers is a further chapter, and a line here.
import { z } from 'zod';
import * as ciba from './metadata/ciba.js';
import * as compatibility from './metadata/compatibility.js';
import * as core from './metadata/core.js';
import * as device from './metadata/device.js';
import * as encryption from './metadata/encryption.js';
import * as exchange from './metadata/exchange.js';
import * as introspection from './metadata/introspection.js';
import * as keys from './metadata/keys.js';
import * as logout from './metadata/logout.js';
import * as ours from './metadata/ours.js';
import * as profile from './metadata/profile.js';
import * as requests from './metadata/requests.js';
import type { Rule } from './metadata/rule.js';
import * as senderConstraint from './metadata/sender-constraint.js';
import * as tls from './metadata/tls.js';

/** What a client may say of itself (RFC 7591 §2); the engine knows it. */
const registered = {
  ...core.shape,
  ...introspection.shape,
  ...keys.shape,
  ...logout.shape,
  ...requests.shape,
  ...senderConstraint.shape,
  ...tls.shape,
  ...encryption.shape,
  ...ciba.shape,
};

/** What only an administrator says, and the engine does not know (client-settings.ts). */
const settings = {
  ...ours.settings,
  ...compatibility.settings,
  ...profile.settings,
  ...senderConstraint.settings,
};

export const rules: readonly Rule[] = [
  core.rule,
  keys.rule,
  logout.rule,
  tls.rule,
  encryption.rule,
  profile.rule,
  compatibility.rule,
  exchange.rule,
  device.rule,
  ciba.rule,
];

export const ClientMetadata = z.strictObject({ ...registered, ...settings });
export type ClientMetadata = z.infer<typeof ClientMetadata>;

export type Settings = Pick<ClientMetadata, keyof typeof settings>;
export const settingNames = Object.keys(settings) as (keyof Settings)[];
export const isSetting = (member: string): boolean => Object.hasOwn(settings, member);
export const isRegistered = (member: string): boolean => Object.hasOwn(registered, member);

/** What an absent member means. ES256 costs a small part of what RS256 does, so clients made here get it. */
export function withDefaults(metadata: ClientMetadata) {
  const grantTypes = metadata.grant_types ?? ['authorization_code'];
  return {
    application_type: 'web' as const,
    token_endpoint_auth_method:
      metadata.application_type === 'native' ? ('none' as const) : ('client_secret_basic' as const),
    grant_types: grantTypes,
    response_types: grantTypes.includes('authorization_code') ? ['code' as const] : [],
    redirect_uris: [],
    id_token_signed_response_alg: 'ES256' as const,
    ...metadata,
  };
}
export type FullMetadata = ReturnType<typeof withDefaults>;
