// A program that calls an API in its own name (RFC 6749 §4.4). It proves who it is with a key (RFC 7523 §2.2): nothing secret is ever sent, and
// the server could not lose one. `--new-key` makes the key and prints what to declare; the private half stays in the file.
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import * as client from 'openid-client';

const { ISSUER = 'http://localhost:3000', CLIENT_ID = 'example-machine', KEY_FILE = 'machine-key.json' } = process.env;
const { API = 'http://localhost:8083/bookings', AUDIENCE = 'https://bookings.example.com' } = process.env;
const { SCOPE = 'bookings:read' } = process.env;

if (process.argv.includes('--new-key')) await newKey();
else await work(process.argv.includes('--once'));

/** Prints a declaration: `ostiary apply -f` takes it, and as a body of POST /api/v1/clients its client without `client_id`. */
async function newKey(): Promise<void> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const kid = await calculateJwkThumbprint(publicKey);
  const named = async (key: typeof publicKey) => ({ ...(await exportJWK(key)), kid, alg: 'ES256', use: 'sig' });
  // wx: a key that is in use is not overwritten.
  await writeFile(KEY_FILE, JSON.stringify(await named(privateKey)), { mode: 0o600, flag: 'wx' });
  const registration = {
    client_id: CLIENT_ID,
    client_name: 'Nightly report',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [await named(publicKey)] },
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    scope: 'bookings:read ledger:read',
  };
  console.log(JSON.stringify({ clients: [registration] }, null, 2));
}

async function work(once: boolean): Promise<void> {
  const jwk = JSON.parse(await readFile(KEY_FILE, 'utf8')) as JWK & { kid: string };
  const key = (await importJWK(jwk, 'ES256')) as client.CryptoKey;
  // Plain http is for a server on this machine alone.
  const local = new URL(ISSUER).hostname === 'localhost' ? [client.allowInsecureRequests] : [];
  const proof = client.PrivateKeyJwt({ key, kid: jwk.kid });
  const configuration = await client.discovery(new URL(ISSUER), CLIENT_ID, {}, proof, { execute: local });
  const token = tokensOf(configuration);
  // Over https, unless the server is on this machine: a token that others can read is theirs.
  const get = async () => client.fetchProtectedResource(configuration, await token.get(), new URL(API), 'GET');

  for (;;) {
    const answer = await get().catch((error: unknown) => {
      // It may have been revoked before its time: once more with a new one, and then it is an error (RFC 6750 §3.1).
      if (!(error instanceof client.WWWAuthenticateChallengeError) || error.status !== 401) throw error;
      token.forget();
      return get();
    });
    if (!answer.ok) throw new Error(`${API} answered ${answer.status}`);
    console.log(`${API} answered ${await answer.text()}`);
    if (once) return;
    await delay(60_000);
  }
}

/** One token for all calls until half a minute before its end: asking for each call would only be slower. */
function tokensOf(configuration: client.Configuration) {
  let current: { token: string; until: number } | undefined;
  return {
    forget(): void {
      current = undefined;
    },
    async get(): Promise<string> {
      if (current && Date.now() < current.until) return current.token;
      // RFC 8707 §2: for this API and no other, whatever else this program may ask.
      const parameters = { resource: AUDIENCE, scope: SCOPE };
      const { access_token, expires_in = 60 } = await client.clientCredentialsGrant(configuration, parameters);
      current = { token: access_token, until: Date.now() + (expires_in - 30) * 1000 };
      return access_token;
    },
  };
}
