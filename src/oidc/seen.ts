// What a trace may say of a refused request, and of the client it came from: these and no others. Never a code, token, assertion, verifier, secret,
// state, nonce or login_hint; of what is signed the header and who it is for, never the whole.
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, type JWK } from 'jose';
import { settingsOf } from '../features/clients/client-settings.js';
import type { Value } from '../features/traces/traces.js';
import { certificateOf } from './certificates.js';
import type { EngineContext } from './engine-types.js';

const parameters = [
  'client_id',
  'redirect_uri',
  'post_logout_redirect_uri',
  'response_type',
  'response_mode',
  'scope',
  'resource',
  'prompt',
  'code_challenge_method',
  'grant_type',
  'dpop_jkt',
  'organization',
] as const;
type Parameter = (typeof parameters)[number];

const sealedParts = ['alg', 'typ', 'kid', 'iss', 'aud', 'iat', 'exp'] as const;
type Signed = 'client_assertion' | 'request' | 'dpop';

export type SeenName =
  | Parameter
  /** How the client said who it is (RFC 6749 §2.3). */
  | 'authentication'
  | `${Signed}.${(typeof sealedParts)[number]}`
  | 'dpop.htm'
  | 'dpop.htu'
  /** Thumbprint of the key in the proof (RFC 7638). */
  | 'dpop.jkt';

const metadata = [
  'client_id',
  'redirect_uris',
  'post_logout_redirect_uris',
  'application_type',
  'response_types',
  'grant_types',
  'token_endpoint_auth_method',
  'token_endpoint_auth_signing_alg',
  'request_object_signing_alg',
  'require_pushed_authorization_requests',
  'require_signed_request_object',
  'dpop_bound_access_tokens',
  'default_max_age',
  'require_auth_time',
  'default_acr_values',
  'jwks_uri',
] as const;
const settings = ['consent_policy', 'refresh_token_ttl', 'refresh_grace'] as const;

export type RegisteredName =
  | (typeof metadata)[number]
  | (typeof settings)[number]
  | 'scope'
  /** Which keys there are, never the keys. */
  | 'jwks'
  /** Of the server: what the client had to say. */
  | 'issuer'
  | 'endpoint';

type Values = Record<string, Value>;

export async function seenIn(ctx: EngineContext, names: readonly SeenName[]): Promise<Values> {
  const all = await Promise.all(names.map(async (name) => [name, await seen(ctx, name)] as const));
  const { 'dpop.jkt': jkt, ...values } = Object.fromEntries(all);
  // Made here, and no secret: a thumbprint is compared as a whole.
  return { ...shown(Object.entries(values), guarded), ...(typeof jkt === 'string' ? { 'dpop.jkt': jkt } : {}) };
}

export const registeredFor = (ctx: EngineContext, names: readonly RegisteredName[]): Values =>
  shown(
    names.map((name) => [name, registered(ctx, name)] as const),
    line,
  );

async function seen(ctx: EngineContext, name: SeenName): Promise<unknown> {
  if ((parameters as readonly string[]).includes(name)) return parameter(ctx, name);
  if (name === 'authentication') return authentication(ctx);
  const [whole, part = ''] = name.split('.') as [Signed, string];
  const { header, claims } = signed(whole === 'dpop' ? ctx.get('DPoP') : parameter(ctx, whole));
  if (part === 'jkt') return header.jwk && calculateJwkThumbprint(header.jwk as JWK).catch(() => undefined);
  return ['alg', 'typ', 'kid'].includes(part) ? header[part] : claims[part];
}

/** As it was sent where the engine has dropped it. */
function parameter(ctx: EngineContext, name: string): unknown {
  const sent = (ctx.method === 'POST' ? ctx.oidc.body : ctx.query) as Values | undefined;
  return ctx.oidc.params?.[name] ?? sent?.[name];
}

function authentication(ctx: EngineContext): string {
  if (ctx.get('authorization')) return 'client_secret_basic';
  if (parameter(ctx, 'client_secret')) return 'client_secret_post';
  if (parameter(ctx, 'client_assertion')) return 'private_key_jwt';
  return certificateOf(ctx) ? 'certificate' : 'none';
}

/** Nothing here has been verified. */
function signed(token: unknown): { header: Record<string, unknown>; claims: Record<string, unknown> } {
  const read = (decode: (jwt: string) => object) => {
    try {
      return { ...decode(String(token)) };
    } catch {
      return {};
    }
  };
  return { header: read(decodeProtectedHeader), claims: read(decodeJwt) };
}

function registered(ctx: EngineContext, name: RegisteredName): unknown {
  const { client, provider } = ctx.oidc;
  if (name === 'issuer') return provider.issuer;
  if (name === 'endpoint') return ctx.oidc.urlFor(ctx.oidc.route);
  if (!client) return undefined;
  if (name === 'scope') return settingsOf(client).allowed_scope ?? client.scope;
  if (name === 'jwks') return client.jwks?.keys.map(({ kid, alg, kty }) => [kid ?? '(no kid)', alg ?? kty].join(' '));
  if ((settings as readonly string[]).includes(name)) return settingsOf(client)[name as (typeof settings)[number]];
  return (client.metadata() as Record<string, unknown>)[name];
}

const longest = 200;
const most = 20;

/** Only what is there. */
function shown(values: (readonly [string, unknown])[], told: (value: unknown) => string): Values {
  const all = values.map(([name, value]) => [name, presentable(value, told)] as const);
  return Object.fromEntries(all.filter((one): one is readonly [string, Value] => one[1] !== undefined));
}

function presentable(value: unknown, told: (value: unknown) => string): Value | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  if (Array.isArray(value)) return value.slice(0, most).map(told);
  return told(value);
}

/** As `line`. A token in the wrong parameter is still a token: whatever may be one is told by its beginning. */
export const guarded = (value: unknown): string =>
  line(textOf(value).replace(mayBeSecret, (run) => `${run.slice(0, 6)}[${run.length - 6} more]`));

/** As long as 192 bits are in base64url, and no UUID, which addresses are full of. */
const mayBeSecret = /(?<![\w-])(?![\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}(?![\w-]))[\w-]{32,}/gi;

/** Cut, and with what nobody would see made visible. */
function line(value: unknown): string {
  const text = textOf(value);
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return cut.replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu, hidden);
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value)));
const hidden = (character: string) => `\\u{${character.codePointAt(0)?.toString(16)}}`;
