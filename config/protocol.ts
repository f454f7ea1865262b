// What the protocol offers: scopes, claims, classes of authentication, lifetimes and limits. Seconds, unless a name says otherwise.

/** OpenID Connect Core §5.4. */
export const claimsByScope = {
  openid: ['sub', 'acr', 'amr', 'auth_time'],
  profile: [
    'name',
    'family_name',
    'given_name',
    'middle_name',
    'nickname',
    'preferred_username',
    'profile',
    'picture',
    'website',
    'gender',
    'birthdate',
    'zoneinfo',
    'locale',
    'updated_at',
  ],
  email: ['email', 'email_verified'],
  address: ['address'],
  phone: ['phone_number', 'phone_number_verified'],
  /** For which organization it is, and what the person is there. */
  organization: ['org_id', 'org_name', 'org_slug', 'roles', 'permissions', 'teams'],
} as const;

/** What a client that registers itself may ask for where nothing else is said. */
export const identityScopes = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access'] as const;

export const scopes = [...identityScopes, 'organization'] as const;

/** Classes of authentication, weakest first: one factor, two factors, phishing-resistant, phishing-resistant in hardware. */
export const acrValues = [
  'urn:ostiary:acr:1fa',
  'urn:ostiary:acr:mfa',
  'urn:ostiary:acr:phr',
  'urn:ostiary:acr:phrh',
] as const;

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

export const lifetimes = {
  accessToken: 15 * minute,
  authorizationCode: 60,
  clientCredentials: 15 * minute,
  idToken: hour,
  /** What a client or a resource may be given at most for its access tokens. */
  accessTokenMost: day,
  /** Longest life of an assertion that a client authenticates with. */
  clientAssertion: hour,
  interaction: hour,
  /** RFC 8628 §3.2: how long somebody has to type the code of a device, and to sign in. */
  deviceCode: 10 * minute,
  /** What an API key is exchanged for, at most: it is not heard of when the key is revoked. */
  exchangedApiKey: 5 * minute,
  /** A grant outlives every refresh token made from it. */
  grant: 365 * day,
  refreshTokenIdle: 7 * day,
  refreshTokenAbsolute: 90 * day,
  /** How long the same refresh token gets the same answer again (a lost response, two tabs). */
  refreshGrace: 10,
  /** How long the id a session had before a rotation is still good. */
  sessionHandleGrace: 30,
  /** How long a spent code is remembered, to notice its reuse (RFC 6749 §4.1.2). */
  spentCode: hour,
} as const;

/** How often a program asks whether somebody has decided (RFC 8628 §3.2, §3.5; OpenID Connect CIBA §7.3, §11). */
export const polling = { interval: 5 } as const;

/** RFC 7519 §4.1.4: leeway for clocks that differ. */
export const clockTolerance = 120;

/** What a tenant may have keys of. Never HS* or A*KW: secrets of clients are kept as hashes. */
export const keyAlgorithms = {
  /** RFC 7518 §3, RFC 8037 §3.1. */
  signing: ['ES256', 'RS256', 'PS256', 'EdDSA'],
  /** RFC 7518 §4.3 and §4.6. Not RSA-OAEP, which is made of SHA-1. */
  encryption: ['ECDH-ES+A256KW', 'RSA-OAEP-256'],
} as const;

/** Life of a signing key: next → current → previous → retired. */
export const signingKeyLife = {
  /** A key is published this long before it signs, so that no verifier meets it unprepared: what /jwks says of caching must not be more. */
  publishedBefore: hour,
  /** After its last signature: the longest life of what it signed, clocks that differ, and a minute until every process has noticed. */
  publishedAfter: lifetimes.accessTokenMost + clockTolerance + minute,
  /** Published no longer, still believed in an id_token_hint. */
  believedAfter: 90 * day,
} as const;

export const routes = {
  authorization: '/authorize',
  token: '/token',
  userinfo: '/userinfo',
  jwks: '/jwks',
  introspection: '/introspect',
  revocation: '/revoke',
  registration: '/register',
  pushed_authorization_request: '/par',
  end_session: '/logout',
  /** Not the engine's own choice, which looks like an id below /device. */
  device_authorization: '/device_authorization',
  code_verification: '/device',
  backchannel_authentication: '/backchannel',
} as const;

/** Whether a host is a name or an address of this machine (RFC 6761 §6.3, RFC 8252 §7.3): nowhere else an issuer may be http. */
export const isLoopback = (hostname: string): boolean =>
  /^(?:(?:[a-z0-9-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);

/** Requests of one tenant to its management API, a minute. */
export const apiTiers = { free: 60, starter: 120, professional: 300, enterprise: 1000, unlimited: Infinity } as const;

export const limits = {
  /** Failed calls from one address, at one issuer, to /token, /userinfo, /introspect, /revoke, /par, /register and /device_authorization. */
  protocolFailures: { points: 60, seconds: minute },
  /** Authorization requests from one address: each may leave an interaction behind. */
  authorizations: { points: 600, seconds: minute },
  /** Clients that register themselves from one address without a token, where everybody may. */
  clientRegistrations: { points: 20, seconds: hour },
  /** Documents of clients that are fetched for one address, and from one host. */
  documentFetches: { points: 30, seconds: minute },
  documentHostFetches: { points: 60, seconds: minute },
  /** Requests of programs from one address that are kept for a while: those of devices, and those put to people who are somewhere else. */
  storedRequests: { points: 600, seconds: minute },
  /** Hints of one client at nobody (OpenID Connect CIBA §7.1). */
  unknownHints: { points: 60, seconds: hour },
  /** Polls for one request: a second less than the interval, since a network brings two closer than they were sent. */
  polls: { points: 1, seconds: 4 },
  /** Codes of devices from one address that were none (RFC 8628 §5.1). */
  userCodeFailures: { points: 20, seconds: 10 * minute },
  /** Wrong secrets for one client from one address. */
  clientSecretFailures: { points: 10, seconds: minute },
  /** Submitted sign-in forms from one address that failed. */
  signInFailures: { points: 100, seconds: 10 * minute },
  /** Questions of one address how strong a password is, while it is typed. */
  strength: { points: 120, seconds: minute },
  /** Refusals of one address that are kept to be explained; the others are answered only. */
  traces: { points: 30, seconds: minute },
  /** Questions to DNS whether a domain belongs to one organization; those of the daily job are not counted. */
  domainChecks: { points: 20, seconds: hour },
  /** Questions to one identity provider what it says of itself; those of the daily job are not counted. */
  connectionReads: { points: 20, seconds: hour },
  /** Letters with invitations that people of one organization ask for. */
  invitationLetters: { points: 300, seconds: hour },
  /** Those to one address, of all organizations. */
  invitationLettersToAddress: { points: 20, seconds: day },
  /** Copies of everything that is kept about one person. */
  dataExports: { points: 5, seconds: hour },
  /** Submitted links from one address that were not good: those of letters together, those to set up by themselves. */
  linkFailures: { points: 20, seconds: 10 * minute },
  /** Requests to the management API, of one tenant or one API key: what each is allowed is less (settings.api.tier). */
  apiRequests: { points: 1_000_000, seconds: minute },
  /** Requests to it from where the tenant does not allow them, that are recorded: of one address, and of all. */
  apiForeigners: { points: 1, seconds: hour },
  apiForeignersTogether: { points: 20, seconds: hour },
  /** Refusals of one API key that are recorded. */
  apiKeyRefusals: { points: 1, seconds: minute },
  /** Answers of an identity provider that one address brought to one connection, and logout tokens it sent there, that were not believed. */
  federationFailures: { points: 60, seconds: 10 * minute },
  /** People whom one identity provider brings and nobody knows: those for whom an account is made, and those whose address an account has. */
  federationNewcomers: { points: 1000, seconds: hour },
  /** Of these, one and the same person. */
  federationNewcomer: { points: 20, seconds: hour },
} as const;

/** How often what was sealed of the audit log is signed: after so many events or seconds. `page`: rows that are read at a time. */
export const auditProof = { events: 10_000, seconds: 10 * minute, page: 2000 } as const;

/** When administrators are told: sign-ins that failed at so many accounts within these minutes; what goes on is told once in `quietMinutes`. */
export const auditAlerts = { accounts: 30, minutes: 10, quietMinutes: 60 } as const;
