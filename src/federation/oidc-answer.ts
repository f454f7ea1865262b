// Owns what is believed of an OpenID provider: the code is redeemed, the ID token examined twice (by us, so that each check is told; by the library,
// which has the last word), userinfo asked for more. Hands back an identity that nobody here is yet.
import type { Check } from '../features/connections/check.js';
import type { Connection } from '../features/connections/connection.entity.js';
import type { Asked } from '../features/connections/federated-sign-in.js';
import type { UpstreamIdentity } from '../features/connections/upstream-identity.js';
import { asksAnew } from './authorization-request.js';
import { type Attributes, attributesOf, merged } from './claims.js';
import type { Claims } from './id-token.js';
import { atHashFor, examineIdToken, messageOf, type Received } from './received.js';
import type { Examination } from './refusal.js';
import type { SignedJwts } from './signed-jwt.js';
import { sessionOf, tokensOf } from './tokens.js';
import type { Upstream } from './upstream.js';
import type { Kept, Redeemed, Tokens, UpstreamClient } from './upstream-client.js';

export interface Answer {
  upstream: Upstream;
  settings: Connection['settings'];
  client: UpstreamClient;
  /** Our client secret: some sign ID tokens with it. */
  secret: string;
  /** Our redirect URI with what came back. */
  callback: URL;
  kept: Kept;
  asked: Asked;
  /** NumericDate: when the browser was sent there, and now. */
  sentAt: number;
  now: number;
}

/** Of the token, not of the person. */
const protocolClaims = ['iss', 'aud', 'azp', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'at_hash', 'c_hash', 's_hash', 'sid'];

/** @throws Refused */
export async function believeOidc(
  answer: Answer,
  jwts: SignedJwts,
  examination: Examination,
): Promise<UpstreamIdentity> {
  const redeemed = await answer.client.redeem(answer.callback, answer.kept);
  const { tokens, received } = readTokens(redeemed, answer, examination);
  examination.received = messageOf(received);
  const claims = await examineIdToken(received, answer, jwts, examination, answer.now);
  examination.pass(libraryAgrees(redeemed));
  const userinfo = await askUserinfo(tokens, String(claims.sub), answer, examination);
  const { mapping } = answer.settings;
  const ofPerson = Object.entries(claims).filter(([name]) => !protocolClaims.includes(name));
  const said = attributesOf(Object.fromEntries(ofPerson));
  return {
    subject: String(claims.sub),
    attributes: merged(said, userinfo, { email: mapping.email, verified: mapping.email_verified }),
    ...authenticationOf(claims),
    session: sessionOf(claims, received.id_token),
    tokens: tokensOf(tokens, answer.now),
  };
}

function readTokens(
  { tokens, problem }: Redeemed,
  { kept, asked, sentAt }: Answer,
  examination: Examination,
): { tokens: Tokens; received: Received } {
  const id_token = tokens?.id_token;
  const passed = tokens !== undefined && id_token !== undefined;
  examination.pass({ check: 'token_response', passed, ...(passed ? {} : { seen: problem ?? 'no id_token' }) });
  const [given, jwt] = [tokens as Tokens, String(id_token)];
  const received = {
    id_token: jwt,
    at_hash: atHashFor(jwt, given.access_token),
    nonce: kept.nonce ?? '',
    sent_at: sentAt,
    ...(asked.max_age === undefined ? {} : { max_age: asked.max_age }),
    anew: asksAnew(asked),
  };
  return { tokens: given, received };
}

const libraryAgrees = ({ problem }: Redeemed): Check => ({
  check: 'token_response_rules',
  passed: problem === undefined,
  ...(problem === undefined ? {} : { seen: problem }),
});

/** What it does not say now would be taken away from the person: whoever does not answer is not taken for somebody with nothing to say. */
async function askUserinfo(
  { access_token }: Tokens,
  subject: string,
  { client, upstream, settings }: Answer,
  examination: Examination,
): Promise<Attributes> {
  if (!settings.oidc?.userinfo || !upstream.endpoints.userinfo_endpoint) return {};
  const { value = {}, problem } = await client.userinfo(access_token, subject);
  const isAnother = problem === 'another_subject';
  examination.pass({
    check: isAnother ? 'userinfo_subject' : 'userinfo_response',
    passed: problem === undefined,
    ...(problem === undefined || isAnother ? {} : { seen: problem }),
    setting: 'oidc.userinfo',
  });
  return attributesOf(value);
}

function authenticationOf({ auth_time, acr, amr }: Claims): Pick<UpstreamIdentity, 'authenticated_at' | 'acr' | 'amr'> {
  const methods = [amr].flat().filter((one): one is string => typeof one === 'string' && one.length <= 64);
  return {
    ...(typeof auth_time === 'number' ? { authenticated_at: Math.floor(auth_time) } : {}),
    ...(typeof acr === 'string' && acr.length <= 512 ? { acr } : {}),
    ...(methods.length > 0 ? { amr: methods.slice(0, 20) } : {}),
  };
}
