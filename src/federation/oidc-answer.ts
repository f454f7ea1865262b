// Owns what is believed of an OpenID provider: the code is redeemed, the ID token examined twice (by us, so that each check is told; by the library,
// which has the last word), userinfo asked for more. Hands back an identity that nobody here is yet.
import type { Connection } from '../features/connections/connection.entity.js';
import type { UpstreamIdentity } from '../features/connections/upstream-identity.js';
import { type Attributes, attributesOf, merged } from './claims.js';
import { type Claims, checksOfIdToken } from './id-token.js';
import { problemName } from './problem-name.js';
import type { Examination } from './refusal.js';
import type { SignedJwts } from './signed-jwt.js';
import { sessionOf, tokensOf } from './tokens.js';
import type { Upstream } from './upstream.js';
import type { Kept, Redeemed, Tokens, UpstreamClient } from './upstream-client.js';

export interface Answer {
  upstream: Upstream;
  settings: Connection['settings'];
  client: UpstreamClient;
  /** Our redirect URI with what came back. */
  callback: URL;
  kept: Kept;
  /** NumericDate. */
  sentAt: number;
  now: number;
  maxAge: number | undefined;
  anew: boolean;
  acr: readonly string[];
  clientSecret: string;
}

/** Of the token, not of the person. */
const protocolClaims = ['iss', 'aud', 'azp', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'at_hash', 'c_hash', 's_hash', 'sid'];

export async function believeOidc(
  answer: Answer,
  jwts: SignedJwts,
  examination: Examination,
): Promise<UpstreamIdentity> {
  const redeemed = await answer.client.redeem(answer.callback, answer.kept);
  const { tokens, claims } = await examineTokens(redeemed, answer, jwts, examination);
  const userinfo = await askUserinfo(tokens, String(claims.sub), answer, examination);
  const { mapping } = answer.settings;
  const said = attributesOf(
    Object.fromEntries(Object.entries(claims).filter(([name]) => !protocolClaims.includes(name))),
  );
  return {
    subject: String(claims.sub),
    attributes: merged(said, userinfo, { email: mapping.email, verified: mapping.email_verified }),
    ...authenticationOf(claims),
    session: sessionOf(claims, String(tokens.id_token)),
    tokens: tokensOf(tokens, answer.now),
  };
}

async function examineTokens(
  { tokens, problem }: Redeemed,
  { upstream, kept, ...answer }: Answer,
  jwts: SignedJwts,
  examination: Examination,
): Promise<{ tokens: Tokens; claims: Claims }> {
  const passed = tokens !== undefined && tokens.id_token !== undefined;
  const seen = passed ? {} : { seen: tokens && problem === undefined ? 'no id_token' : problemName(problem) };
  examination.pass({ check: 'token_response', passed, ...seen });
  const { access_token: accessToken, id_token } = tokens as Tokens;
  const { endpoints, issuer = '', algorithms, clientId, tolerance } = upstream;
  const signer = { jwksUri: endpoints.jwks_uri, algorithms, secret: answer.clientSecret };
  const { header, claims } = await jwts.verify('id_token', id_token, signer, examination);
  const { now, sentAt, maxAge, anew, acr } = answer;
  const expected = { issuer, clientId, nonce: kept.nonce ?? '', accessToken, tolerance };
  examination.pass(...checksOfIdToken(header, claims, { ...expected, now, sentAt, maxAge, anew, acr }));
  examination.pass({
    check: 'token_response_rules',
    passed: problem === undefined,
    ...(problem === undefined ? {} : { seen: problemName(problem) }),
  });
  return { tokens: tokens as Tokens, claims };
}

/** What it does not say now would be taken away from the person: whoever does not answer is not taken for somebody with nothing to say. */
async function askUserinfo(
  { access_token }: Tokens,
  subject: string,
  { client, upstream, settings }: Answer,
  examination: Examination,
): Promise<Attributes> {
  if (!settings.oidc?.userinfo || !upstream.endpoints.userinfo_endpoint) return {};
  let problem: unknown;
  const said = await client.userinfo(access_token, subject).catch((error: unknown) => {
    problem = error;
    return {};
  });
  const isAnother = problemName(problem) === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED';
  examination.pass({
    check: isAnother ? 'userinfo_subject' : 'userinfo_response',
    passed: problem === undefined,
    ...(problem === undefined || isAnother ? {} : { seen: problemName(problem) }),
    setting: 'oidc.userinfo',
  });
  return attributesOf(said);
}

function authenticationOf({ auth_time, acr, amr }: Claims): Pick<UpstreamIdentity, 'authenticated_at' | 'acr' | 'amr'> {
  const methods = [amr].flat().filter((one): one is string => typeof one === 'string' && one.length <= 64);
  return {
    ...(typeof auth_time === 'number' ? { authenticated_at: Math.floor(auth_time) } : {}),
    ...(typeof acr === 'string' && acr.length <= 512 ? { acr } : {}),
    ...(methods.length > 0 ? { amr: methods.slice(0, 20) } : {}),
  };
}
