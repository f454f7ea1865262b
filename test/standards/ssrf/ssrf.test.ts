import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ask, tokenWith } from '../../support/api.js';
import { Inner, LISTED } from '../../support/inner.js';
import { noticeFor } from '../../support/logout-receiver.js';
import { initialAccessTokenFor } from '../../support/planted.js';
import { assertionOf, type DpopKey, dpopKey } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';
import { around, here, names, otherSchemes } from './corpus.js';

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
const redirect_uris = ['https://rp.example/cb'];

/** What became of it: never registered, or refused when it was to be called. */
type Outcome = { refused: boolean; by: 'registration' | 'call'; why: string };

describe('nothing inside is called because a client says so (OWASP ASVS 5.0 V1.3.6, RFC 9700 §4.12, RFC 7591 §5)', () => {
  let server: TestServer;
  let inner: Inner;
  let key: DpopKey;
  let token: string;
  let initial: string;
  /** Whether `localhost`, the one name that needs no TLS to be registered, is at the address that may be called, or has moved. */
  let listed = false;

  beforeAll(async () => {
    key = await dpopKey();
    const keys = [{ ...key.jwk, kid: 'one', alg: 'ES256', use: 'sig' }];
    inner = await Inner.start(() => ({ keys }));
    const lookup = inner.names({ ...names, localhost: () => [listed ? LISTED : '127.0.0.1'] });
    server = await startServer({
      environment: { EGRESS_ALLOW: LISTED },
      overrides: { egress: { lookup, timeoutMs: 1_000 } },
    });
    token = await tokenWith(server, 'clients:write sessions:read sessions:write');
    initial = await initialAccessTokenFor(server);
  }, 180_000);
  afterAll(async () => {
    await server?.close();
    await inner?.close();
  });

  /** RFC 7523 §3: fetched to verify what the client has signed. */
  async function jwksUri(jwks_uri: string): Promise<Outcome> {
    const made = await ask(server, token, 'post', '/clients', {
      grant_types: ['client_credentials'],
      response_types: [],
      token_endpoint_auth_method: 'private_key_jwt',
      jwks_uri,
    });
    if (made.status === 422) return { refused: true, by: 'registration', why: '' };
    const clientId = String(made.body.client_id);
    const response = await fetch(`${server.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: assertionType,
        client_assertion: await assertionOf(key, clientId, server.issuer),
      }),
    });
    return { refused: response.status === 401, by: 'call', why: await response.text() };
  }

  /** OpenID Connect Core §8.1: fetched when a client registers itself. */
  async function sectorIdentifierUri(sector_identifier_uri: string): Promise<Outcome> {
    const response = await fetch(`${server.issuer}/register`, {
      method: 'POST',
      headers: { authorization: `Bearer ${initial}`, 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris, subject_type: 'pairwise', sector_identifier_uri }),
    });
    const why = await response.text();
    return { refused: response.status === 400, by: why.includes('response') ? 'call' : 'registration', why };
  }

  /** OpenID Connect Back-Channel Logout 1.0 §2.5: told by a job, which an administrator asks for once more. */
  async function backchannelLogoutUri(backchannel_logout_uri: string): Promise<Outcome> {
    const made = await ask(server, token, 'post', '/clients', { redirect_uris, backchannel_logout_uri });
    if (made.status === 422) return { refused: true, by: 'registration', why: '' };
    const whose = { clientId: String(made.body.client_id), sessionUid: 'ended', accountId: crypto.randomUUID() };
    const id = await server.inside(({ db, clock }) => noticeFor(db, clock, whose));
    await ask(server, token, 'post', `/logout-notices/${id}/retries`);
    for (;;) {
      const { body } = await ask(server, token, 'get', `/logout-notices/${id}`);
      if (Number(body.attempts) > 0)
        return { refused: body.status !== 'delivered', by: 'call', why: String(body.last_error) };
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  const calls = {
    jwks_uri: jwksUri,
    sector_identifier_uri: sectorIdentifierUri,
    backchannel_logout_uri: backchannelLogoutUri,
  };

  const all = (urls: readonly string[], call: (url: string) => Promise<Outcome>) =>
    inBatches(urls, 8, async (url) => ({ url, ...(await call(url)) }));

  it('the corpus is large enough to be one', () => {
    expect(new Set([...here, ...around, ...Object.keys(names)]).size).toBeGreaterThanOrEqual(75);
  });

  describe.each(Object.entries(calls))('%s', (name, call) => {
    const fetched = name === 'jwks_uri' ? '/keys' : '/ok';

    it('is called where configuration lists the address, so that what follows is no accident', async () => {
      inner.asked = [];
      listed = true;
      await call(`http://localhost:${inner.listedPort}${fetched}`);
      // A sector is https (OpenID Connect Registration §5), which nothing here speaks.
      expect(inner.asked).toEqual(name === 'sector_identifier_uri' ? [] : [fetched]);
    });

    it.each(['http', 'https'])(
      'reaches no address of this machine and none around it by %s, however it is spelled',
      async (scheme) => {
        inner.knocks = 0;
        listed = false;
        const hosts = [...here, ...around, ...Object.keys(names)];
        const outcomes = await all(
          hosts.map((host) => `${scheme}://${host}:${inner.port}/inside`),
          call,
        );
        expect(outcomes.filter(({ refused }) => !refused)).toEqual([]);
        expect(inner.knocks).toBe(0);
        // By its rule, not because nobody was there.
        const called = outcomes.filter(({ by }) => by === 'call');
        if (name === 'backchannel_logout_uri')
          expect(
            called.filter(({ url, why }) => !/^(forbidden_address|insecure)$/.test(why) && !url.includes('%')),
          ).toEqual([]);
        expect(called.length).toBeGreaterThan(scheme === 'https' ? 60 : -1);
        expect(
          outcomes.filter(({ why }) => /127\.0|::1|forbidden|insecure/.test(why) && name !== 'backchannel_logout_uri'),
        ).toEqual([]);
      },
    );

    it('speaks no other scheme, and calls nothing that is no URL', async () => {
      inner.knocks = 0;
      const outcomes = await all(otherSchemes, call);
      expect(outcomes.filter(({ refused }) => !refused)).toEqual([]);
      expect(inner.knocks).toBe(0);
    });
  });

  it('an answer does not tell one inner address from another', async () => {
    const outcomes = await all(
      ['10.0.0.1', '127.0.0.1', 'inner.example', 'nobody.example'].map((host) => `https://${host}:${inner.port}/`),
      jwksUri,
    );
    expect(new Set(outcomes.map(({ why }) => why.replace(/errors\/.{9}/, ''))).size).toBe(1);
  });

  describe.each([
    ['jwks_uri', jwksUri],
    ['backchannel_logout_uri', backchannelLogoutUri],
  ] as const)('%s at an address that may be called', (name, call) => {
    const at = (path: string) => {
      listed = true;
      return `http://localhost:${inner.listedPort}${path}`;
    };
    const within = async (work: Promise<Outcome>) => {
      const begun = Date.now();
      const outcome = await work;
      return { ...outcome, seconds: (Date.now() - begun) / 1000 };
    };

    it.each([301, 302, 303, 307, 308])('follows no redirect inside: %i', async (status) => {
      inner.knocks = 0;
      expect((await call(at(`/redirect/${status}`))).refused).toBe(true);
      expect(inner.knocks).toBe(0);
    });

    it.each(['silent', 'slow'])('waits for nobody who is %s', async (manner) => {
      const { refused, seconds } = await within(call(at(`/${manner}/${name}`)));
      expect(refused).toBe(true);
      expect(seconds).toBeLessThan(15);
    });

    it.each(['huge', 'bomb', 'headers'])('takes no answer without end: %s', async (manner) => {
      const { refused } = await call(at(`/${manner}`));
      expect(refused).toBe(true);
      const { body } = await ask(server, undefined, 'get', '/openapi.json');
      expect(body.openapi).toBeDefined();
    });

    it('is not led inside by a name that moves there (DNS rebinding)', async () => {
      inner.knocks = 0;
      inner.lookups = [];
      await call(at('/keys'));
      // The address that was judged is the one that was called: there was no second look.
      expect(inner.lookups).toEqual(['localhost']);
      listed = false;
      const outcome = await call(`http://localhost:${inner.port}/keys`);
      expect([outcome.refused, inner.knocks]).toEqual([true, 0]);
    });
  });
});

async function inBatches<T, R>(items: readonly T[], size: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < items.length; at += size)
    done.push(...(await Promise.all(items.slice(at, at + size).map(work))));
  return done;
}
