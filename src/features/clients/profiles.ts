// Profiles: what a client is held to as a whole, beyond what RFC 7591 lets it choose. Pure tables; they are asked where metadata is written (metadata/profile.ts),
// where the engine reads it (client-lookup.ts), and where a message of the client is looked at (oidc/profile.ts).

export const PROFILES = ['compatibility', 'fapi1_advanced', 'fapi2'] as const;
export type Profile = (typeof PROFILES)[number];

type Metadata = Readonly<Record<string, unknown>>;

interface Breach {
  member: string;
  message: string;
}

interface Demands {
  /** What everything is signed with, by the client and for it. */
  algorithms: readonly string[];
  /** Seconds that iat and nbf of what the client signs may be ahead of our clock, where that is less than for everybody. */
  ahead?: number;
  /** What stands in the metadata whether it is said or not. */
  forced: (client: Metadata) => Record<string, unknown>;
  redirectUri: (uri: string, client: Metadata) => string | undefined;
}

/** RFC 8705 §2 and OpenID Connect Core §9: a client that proves who it is without a secret that it sends. */
const authentication = ['private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth'];

/** Which of the two binds tokens is the client's choice, DPoP where it says nothing (RFC 8705 §3, RFC 9449 §5). */
const senderConstraint = (client: Metadata): Record<string, unknown> =>
  client.tls_client_certificate_bound_access_tokens === true ? {} : { dpop_bound_access_tokens: true };

const isScheme = (uri: string, scheme: string) => uri.toLowerCase().startsWith(`${scheme}:`);

const demands: Readonly<Partial<Record<Profile, Demands>>> = {
  // FAPI 2.0 Security Profile §5.3.2.1, §5.3.2.2, §5.4.1.
  fapi2: {
    // Ed25519 is EdDSA by its own name (RFC 9864 §2.2).
    algorithms: ['PS256', 'ES256', 'EdDSA', 'Ed25519'],
    ahead: 60,
    forced: (client) => ({ require_pushed_authorization_requests: true, ...senderConstraint(client) }),
    redirectUri: (uri, { application_type }) =>
      isScheme(uri, 'http') && application_type !== 'native'
        ? 'must be https with this profile (FAPI 2.0 §5.3.2.2 no. 8)'
        : undefined,
  },
  // FAPI 1.0 Part 1 §5.2.2, Part 2 §5.2.2 and §8.6; with response_type code the answer is signed (JARM), which the engine sees to.
  fapi1_advanced: {
    algorithms: ['PS256', 'ES256'],
    forced: (client) => ({ require_signed_request_object: true, ...senderConstraint(client) }),
    redirectUri: (uri) =>
      isScheme(uri, 'https') ? undefined : 'must be https with this profile (FAPI 1.0 Part 1 §5.2.2 no. 20)',
  },
};

/** @returns undefined for clients that nothing more is asked of. */
export const demandsOf = (profile: Profile | undefined): Demands | undefined => profile && demands[profile];

const signing = [
  'token_endpoint_auth_signing_alg',
  'request_object_signing_alg',
  'backchannel_authentication_request_signing_alg',
  'id_token_signed_response_alg',
  'userinfo_signed_response_alg',
  'authorization_signed_response_alg',
  'introspection_signed_response_alg',
];

const profileOf = ({ profile }: Metadata) => profile as Profile | undefined;

/** Everything in which metadata is less than its profile asks. What it leaves out is no breach where it can be forced. */
export function breaches(client: Metadata): Breach[] {
  const profile = profileOf(client);
  const asked = demandsOf(profile);
  if (!asked) return [];
  const found: Breach[] = [];
  const refuse = (member: string, message: string) => found.push({ member, message });

  for (const [member, value] of Object.entries(asked.forced(client)))
    if (client[member] !== undefined && client[member] !== value)
      refuse(member, `must be ${value} with the profile ${profile}`);
  if (!authentication.includes(String(client.token_endpoint_auth_method)))
    refuse('token_endpoint_auth_method', `must be ${authentication.join(' or ')} with the profile ${profile}`);
  if (listOf(client.response_types).some((type) => type !== 'code'))
    refuse('response_types', `must be code with the profile ${profile}`);
  for (const [index, uri] of listOf(client.redirect_uris).entries()) {
    const problem = asked.redirectUri(uri, client);
    if (problem) refuse(`redirect_uris/${index}`, problem);
  }
  for (const member of signing)
    if (client[member] !== undefined && !asked.algorithms.includes(String(client[member])))
      refuse(member, `must be ${asked.algorithms.join(' or ')} with the profile ${profile}`);
  if (asked.forced(client).require_signed_request_object && !client.jwks && !client.jwks_uri)
    refuse('jwks', `jwks or jwks_uri is needed with the profile ${profile}`);
  return found;
}

/** Metadata as the engine is to see it: with all that its profile forces, whatever an older row says. */
export const asProfiled = <M extends Metadata>(client: M): M => ({
  ...client,
  ...demandsOf(profileOf(client))?.forced(client),
});

const strength: readonly (Profile | undefined)[] = ['compatibility', undefined, 'fapi1_advanced', 'fapi2'];

/** Whether a client that was held to one profile is held to less by the other. */
export const isLower = (from: Profile | undefined, to: Profile | undefined): boolean =>
  strength.indexOf(to) < strength.indexOf(from);

const listOf = (value: unknown): string[] => (Array.isArray(value) ? value : []);
