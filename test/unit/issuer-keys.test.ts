import { describe, expect, it } from '@jest/globals';
import { exportJWK, generateKeyPair, type JWK, jwtVerify, SignJWT } from 'jose';
import { IssuerKeys } from '../../src/features/trusted-issuers/issuer-keys.js';

const jwksUri = 'https://partner.example/jwks';

async function signer(kid: string) {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const sign = () => new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
  return { jwk: { ...(await exportJWK(publicKey)), kid } as JWK, sign };
}

/** Answers as it is told, and counts. */
function publisher(answer: () => Response | Promise<Response>) {
  const asked: string[] = [];
  const fetch = async (url: string | URL | Request) => {
    asked.push(String(url));
    return answer();
  };
  return { asked, keys: new IssuerKeys({ fetch }) };
}

describe('the keys of a trusted issuer (RFC 7517 §5)', () => {
  it('are fetched once for many assertions, and at once for many at once', async () => {
    const one = await signer('one');
    const { asked, keys } = publisher(() => Response.json({ keys: [one.jwk] }));
    const verify = async () => jwtVerify(await one.sign(), keys.of({ jwks: null, jwksUri }));
    await Promise.all([verify(), verify(), verify()]);
    await verify();
    expect(asked).toEqual([jwksUri]);
  });

  it('are not fetched again for each kid that nobody knows', async () => {
    const [one, stranger] = [await signer('one'), await signer('unknown')];
    const { asked, keys } = publisher(() => Response.json({ keys: [one.jwk] }));
    for (let tries = 0; tries < 5; tries += 1)
      await expect(jwtVerify(await stranger.sign(), keys.of({ jwks: null, jwksUri }))).rejects.toThrow();
    expect(asked).toHaveLength(1);
  });

  it.each<[string, () => Response]>([
    ['is away', () => new Response('', { status: 503 })],
    ['redirects', () => new Response('', { status: 302, headers: { location: 'https://other.example' } })],
    ['answers with too much', () => new Response(`{"keys":[]}${' '.repeat(300_000)}`)],
  ])('are left alone for a while where their publisher %s', async (_what, answer) => {
    const one = await signer('one');
    const { asked, keys } = publisher(answer);
    for (let tries = 0; tries < 5; tries += 1)
      await expect(jwtVerify(await one.sign(), keys.of({ jwks: null, jwksUri }))).rejects.toThrow();
    expect(asked).toHaveLength(1);
  });

  it('need no fetching where they are written down', async () => {
    const one = await signer('one');
    const { asked, keys } = publisher(() => Response.json({}));
    await jwtVerify(await one.sign(), keys.of({ jwks: { keys: [{ ...one.jwk }] }, jwksUri: null }));
    expect(asked).toEqual([]);
  });
});
