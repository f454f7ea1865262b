import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Browser, type Page } from '../support/browser.js';
import { withoutNonces } from '../support/journey.js';
import { JsonSignIn } from '../support/json-sign-in.js';
import { authorizationUrl, makeClient, makePerson, type Party, pkce } from '../support/party.js';
import { setPolicy } from '../support/policy.js';
import { startServer, type TestServer } from '../support/server.js';
import { generous } from '../support/sign-in-letters.js';

/** Of known and of unknown addresses each, after those in which everything gets warm. */
const tries = 200;
const warmUp = 20;
const tolerance = 0.05;
/** Where they lie further apart: so many more, until there are so many. */
const further = 100;
const most = 1200;

/** One request, and everything that comes back. */
type Ask = (email: string) => Promise<{ milliseconds: number; answer: string }>;

describe('nobody learns from an answer whether an address has an account (OWASP ASVS 5.0 §6.3.8)', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  /** Asked for equally often: what is counted for an address must not be what is measured. */
  let known: string[];
  const unknown = Array.from({ length: tries }, nobody);

  beforeAll(async () => {
    server = await startServer({ overrides: { letters: generous } });
    party = await makeClient(server, { consent_policy: 'implicit' });
    // Locks come after more failures than are made here.
    await server.inside(async ({ tenants }) =>
      tenants.update(await tenants.current(), { settings: { lockout: { max_attempts: 100 } } } as never),
    );
    await setPolicy(server, {
      registration: 'open',
      first_factors: ['password', 'passkey', 'magic_link', 'email_code'],
    });
    browser = new Browser();
    known = [];
    while (known.length < tries) known.push((await makePerson(server)).email);
  }, 600_000);
  afterAll(() => server?.close());

  /** What is of the request is taken out: nonces, the address itself and its first letter. */
  const said = (page: Page, email: string) =>
    [
      page.status,
      page.headers.get('location')?.replace(/\/interaction\/[\w-]+/, '/interaction/…'),
      [...page.headers.keys()].sort().join(),
      page.headers.get('content-length'),
      withoutNonces(page)
        .replaceAll(email, 'ADDRESS')
        .replaceAll(/"challenge":"[^"]*"|&quot;challenge&quot;:&quot;[\w-]+/g, ''),
    ].join('\n');

  const timed = async (email: string, page: Page, fields: Record<string, string>) => {
    const action = /<form[^>]*action="([^"]*)"/.exec(page.html)?.[1] ?? '';
    const csrf = /name="csrf" value="([^"]*)"/.exec(page.html)?.[1] ?? '';
    const body = new URLSearchParams({ csrf, ...fields });
    const address = new URL(action, server.issuer).href;
    const began = performance.now();
    const response = await browser.request(address, {
      method: 'POST',
      body,
      headers: { origin: new URL(server.issuer).origin },
    });
    const html = await response.text();
    const milliseconds = performance.now() - began;
    const answered = { url: address, status: response.status, headers: response.headers, html };
    return { milliseconds, answer: said(answered, email) };
  };
  /** A browser that has been nowhere yet: one that remembers thousands of sign-ins is slower with each. */
  const anew = () => {
    browser.cookies.clear();
    return browser;
  };
  const begin = (more: Record<string, string> = {}) => anew().open(authorizationUrl(server, party, pkce(), more));

  const ways: [string, () => Promise<Ask>][] = [
    [
      'sign-in with a wrong password',
      async () => async (email) => {
        const page = await browser.submit(await begin(), { username: email });
        return timed(email, page, { username: email, password: 'wrong words' });
      },
    ],
    [
      'registration',
      async () => async (email) =>
        timed(email, await begin({ prompt: 'create' }), { username: email, password: 'quiet river stone 7' }),
    ],
    [
      'a forgotten password',
      async () => {
        const page = await anew().open(`${server.issuer}/forgotten-password`);
        return (email) => timed(email, page, { username: email });
      },
    ],
    [
      'the letter about an address again',
      async () => {
        const page = await anew().open(`${server.issuer}/verify-email?token=nothing`);
        return (email) => timed(email, page, { username: email });
      },
    ],
    [
      'a sign-in link',
      async () => async (email) => timed(email, await begin(), { username: email, with: 'magic_link' }),
    ],
    [
      'a code by mail',
      async () => async (email) => timed(email, await begin(), { username: email, with: 'email_code' }),
    ],
    [
      'the options for a passkey, and the password page after the name',
      async () => async (email) => {
        const page = await begin({ login_hint: email });
        const passkey = /data-passkey="([^"]*)"/.exec(page.html)?.[1] ?? 'none';
        const { milliseconds, answer } = await timed(email, page, { username: email });
        return { milliseconds, answer: `${passkey.replace(/challenge&quot;:&quot;[\w-]+/, '')}\n${answer}` };
      },
    ],
    [
      'sign-in as JSON',
      async () => async (email) => {
        const program = new JsonSignIn(server, anew());
        await program.begin(party, pkce());
        const began = performance.now();
        const { status, body } = await program.post('login', { username: email, password: 'wrong words' });
        const milliseconds = performance.now() - began;
        return { milliseconds, answer: JSON.stringify([status, { ...body, request_id: '' }]) };
      },
    ],
  ];

  it.each(ways)(
    '%s: the same bytes, and medians within 5 %% of each other',
    async (what, prepare) => {
      const ask = await prepare();
      // Whoever registers is known from then on.
      const stranger = what === 'registration' ? nobody : (place: number) => unknown[place % unknown.length] ?? '';
      const answers = new Set<string>();
      const times: Times = { known: [], unknown: [] };
      const measure = async (pairs: number) => {
        for (let done = 0; done < pairs; done += 2) {
          for (const kind of block) {
            const place = times[kind].length;
            const { milliseconds, answer } = await ask(
              kind === 'known' ? (known[place % known.length] ?? '') : stranger(place),
            );
            times[kind].push(milliseconds);
            answers.add(answer);
          }
        }
      };
      await measure(warmUp);
      times.known.length = 0;
      times.unknown.length = 0;
      await measure(tries);
      // A busy machine can set them apart for a while; a difference in the work stays however often it is measured.
      while (apart(times) > tolerance && times.known.length < most) {
        console.warn(`${what}: ${(apart(times) * 100).toFixed(1)} % apart, measured on`);
        await measure(further);
      }
      expect([...answers]).toHaveLength(1);
      expect(apart(times)).toBeLessThanOrEqual(tolerance);
    },
    600_000,
  );
});

type Times = Record<'known' | 'unknown', number[]>;

/**
 * In this order whatever drifts meanwhile drifts for both, and each comes as often after each: what an answer leaves to be done (a letter)
 * is at the cost of both.
 */
const block = ['known', 'unknown', 'unknown', 'known'] as const;

/** As long as the address of somebody who is there, and with the same first letter. */
function nobody(): string {
  return `maria-${randomBytes(4).toString('hex')}@example.com`;
}

/** How far from 1 the median of all ratios of one to another lies (Hodges and Lehmann): the least moved by what a busy machine adds to some. */
function apart({ known, unknown }: Times): number {
  const ratios = Float64Array.from(known.flatMap((one) => unknown.map((other) => one / other))).sort();
  return Math.abs((ratios[ratios.length >> 1] ?? 0) - 1);
}
