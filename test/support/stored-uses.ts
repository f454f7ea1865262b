// What a value can be tried as: every credential that the server takes somewhere, and every place that believes a signature.
import { createHmac, randomUUID } from 'node:crypto';
import { type Party, pkce } from './party.js';
import { bearer, now, type StoredHouse } from './stored-house.js';
import { swift } from './swift.js';

const bearerType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** A compact JWS made by hand: libraries refuse what is tried here. */
export function jws(header: object, payload: object, key?: string | Buffer): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${part(header)}.${part(payload)}`;
  return `${input}.${key === undefined ? '' : createHmac('sha256', key).update(input).digest('base64url')}`;
}

const headerSafe = (value: string) => /^[\x21-\x7e]+$/.test(value);
const cookieSafe = (value: string) => /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/.test(value);

export function usesOf(house: StoredHouse) {
  const { server, party, poster, signer, registered, tokens, cookieKey, ask, get, parameters } = house;
  /** Of the code that is redeemed. */
  const proof = pkce();

  /** A client that is known may ask about any token (RFC 7662 §2.1). */
  const authenticated = ({ status }: Awaited<ReturnType<typeof ask>>) => status === 200;
  const asksForSignIn = async (path: string) => /\/interaction\//.test((await get(path)).location);

  /** The cookie with a good signature: what is stored must not help even whoever has the cookie keys as well. */
  const signed = (name: string, value: string) => {
    const sig = createHmac('sha1', cookieKey).update(`${name}=${value}`).digest('base64url');
    return `${name}=${value}; ${name}.sig=${sig}`;
  };

  const assertion = (of: Party) => ({
    iss: of.clientId,
    sub: of.clientId,
    aud: server.issuer,
    jti: randomUUID(),
    iat: now(),
    exp: now() + 60,
  });
  const authenticates = async (client_assertion: string) =>
    authenticated(await ask('/introspect', { token: 'any', client_assertion, client_assertion_type: bearerType }));
  const requestObject = (of: Party) => ({
    ...parameters(of),
    iss: of.clientId,
    aud: server.issuer,
    jti: randomUUID(),
    iat: now(),
    exp: now() + 60,
  });
  const begins = (of: Party, request: string) =>
    asksForSignIn(`/authorize?${new URLSearchParams({ ...parameters(of), request })}`);
  const hint = () => ({
    iss: server.issuer,
    aud: party.clientId,
    sub: JSON.parse(Buffer.from(String(tokens.id_token).split('.')[1] ?? '', 'base64url').toString()).sub as string,
    iat: now(),
    exp: now() + 600,
  });
  const logsOut = async (id_token_hint: string) =>
    (await get(`/logout?${new URLSearchParams({ id_token_hint, client_id: party.clientId })}`)).status === 200;

  /** Everything that a value can be tried as: true where it was good for something. */
  const uses: Record<string, (value: string) => Promise<boolean>> = {
    'client_secret_basic (RFC 6749 §2.3.1)': async (clientSecret) =>
      authenticated(await ask('/introspect', { token: 'any' }, { ...party, clientSecret })),
    'client_secret_post (RFC 6749 §2.3.1)': async (client_secret) =>
      authenticated(await ask('/introspect', { token: 'any', client_id: poster.clientId, client_secret })),
    'bearer token at userinfo (RFC 6750 §2.2)': async (access_token) =>
      (await ask('/userinfo', { access_token })).status === 200,
    'token at introspection (RFC 7662)': async (token) =>
      (await ask('/introspect', { token }, party)).body.active === true,
    'bearer token at the API (RFC 6750 §2.1)': async (value) =>
      headerSafe(value) && (await get('/api/v1/clients', bearer(value))).status === 200,
    'API key at the API': async (value) =>
      headerSafe(value) && (await get('/api/v1/clients', bearer(value))).status === 200,
    'registration access token (RFC 7592 §2.1)': async (value) =>
      headerSafe(value) && (await get(`/register/${registered.client_id}`, bearer(value))).status === 200,
    'initial access token (RFC 7591 §3)': async (value) => {
      if (!headerSafe(value)) return false;
      const json = { redirect_uris: ['https://rp.example/cb'] };
      return (
        (await swift(`${server.issuer}/register`, { method: 'POST', headers: bearer(value), json })).status === 201
      );
    },
    'authorization code (RFC 6749 §4.1.3)': async (code) => {
      const form = {
        grant_type: 'authorization_code',
        code,
        redirect_uri: party.redirectUri,
        code_verifier: proof.verifier,
      };
      return (await ask('/token', form, party)).status === 200;
    },
    'refresh token (RFC 6749 §6)': async (refresh_token) =>
      (await ask('/token', { grant_type: 'refresh_token', refresh_token }, party)).status === 200,
    'request_uri (RFC 9126 §2.2)': (value) =>
      asksForSignIn(
        `/authorize?${new URLSearchParams({ client_id: party.clientId, request_uri: `urn:ietf:params:oauth:request_uri:${value}` })}`,
      ),
    'session cookie': async (value) => {
      if (!cookieSafe(value)) return false;
      const cookie = signed('ostiary_default', value);
      const query = new URLSearchParams(parameters(party, { prompt: 'none' }));
      return (await get(`/authorize?${query}`, { cookie })).location.includes('code=');
    },
    'interaction cookie': async (value) => {
      if (!cookieSafe(value)) return false;
      const cookie = signed('ostiary_interaction', value);
      return (await get(`/interaction/${encodeURIComponent(value)}`, { cookie })).status === 200;
    },
    'setup link': async (token) => (await get(`/setup?${new URLSearchParams({ token })}`)).status === 200,
    'password link': async (token) => (await get(`/password?${new URLSearchParams({ token })}`)).status === 200,
  };

  /** HS256 with the value as the key. */
  const keyUses: Record<string, (key: string | Buffer) => Promise<boolean>> = {
    'client_secret_jwt of a client with a secret (RFC 7523 §2.2)': (key) =>
      authenticates(jws({ alg: 'HS256' }, assertion(party), key)),
    'an assertion of a client with keys (RFC 7523 §2.2)': (key) =>
      authenticates(jws({ alg: 'HS256', kid: 'k' }, assertion(signer), key)),
    'a request object of a client with a secret (RFC 9101 §6.2)': (key) =>
      begins(party, jws({ alg: 'HS256' }, requestObject(party), key)),
    'a request object of a client with keys (RFC 9101 §6.2)': (key) =>
      begins(signer, jws({ alg: 'HS256', kid: 'k' }, requestObject(signer), key)),
    'an id_token_hint (OpenID Connect RP-Initiated Logout §2)': (key) => logsOut(jws({ alg: 'HS256' }, hint(), key)),
  };

  return { uses, keyUses, proof, assertion, requestObject, hint, authenticates, begins, logsOut };
}
