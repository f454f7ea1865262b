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

/** One request, and everything that comes back. */
type Ask = (email: string) => Promise<{ milliseconds: number; answer: string }>;

describe('nobody learns from an answer whether an address has an account (OWASP ASVS 5.0 §6.3.8)', () => {
  let server: TestServer;
  let party: Party;
  let browser: Browser;
  /** Asked for equally often: what is counted for an address must not be what is measured. */
  let known: string[];
  const unknown = nobodies();

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
    while (known.length < warmUp + tries) known.push((await makePerson(server)).email);
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
  /** Without what belonged to the sign-ins before: thousands of cookies, each for a path of its own. */
  const afresh = () => {
    for (const [name, { path }] of browser.cookies) if (path !== '/') browser.cookies.delete(name);
    return browser;
  };
  const begin = (more: Record<string, string> = {}) => afresh().open(authorizationUrl(server, party, pkce(), more));

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
        const page = await browser.open(`${server.issuer}/forgotten-password`);
        return (email) => timed(email, page, { username: email });
      },
    ],
    [
      'the letter about an address again',
      async () => {
        const page = await browser.open(`${server.issuer}/verify-email?token=nothing`);
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
        const program = new JsonSignIn(server, afresh());
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
      const strangers = what === 'registration' ? () => nobodies() : () => unknown;
      const answers = new Set<string>();
      const ratios: number[] = [];
      // A busy machine can set them apart for a while; a difference in the work stays however often it is measured.
      for (let round = 0; round < 6 && (round === 0 || apart(ratios) > tolerance); round += 1) {
        if (round > 0) console.warn(`${what}: ${(apart(ratios) * 100).toFixed(1)} % apart, measured on`);
        const others = strangers();
        for (let turn = 0; turn < warmUp + tries; turn += 4) {
          const times = { known: [] as number[], unknown: [] as number[] };
          for (const [kind, place] of block) {
            const email = (kind === 'known' ? known : others)[turn + place] ?? '';
            const { milliseconds, answer } = await ask(email);
            times[kind].push(milliseconds);
            answers.add(answer);
          }
          // What else the machine does makes an answer later, never earlier: the quickest of four is the work itself.
          if (turn >= warmUp) ratios.push(Math.min(...times.known) / Math.min(...times.unknown));
        }
        expect([...answers]).toHaveLength(1);
      }
      expect(apart(ratios)).toBeLessThanOrEqual(tolerance);
    },
    600_000,
  );
});

/** Four of each, in an order in which whatever drifts meanwhile drifts for both (Thue and Morse's). */
const block = [
  ['known', 0],
  ['unknown', 0],
  ['unknown', 1],
  ['known', 1],
  ['unknown', 2],
  ['known', 2],
  ['known', 3],
  ['unknown', 3],
] as const;

/** As long as those of people who are there, and with the same first letter. */
function nobodies(): string[] {
  return Array.from({ length: warmUp + tries }, () => `maria-${randomBytes(4).toString('hex')}@example.com`);
}

/** How far from 1 the median lies. */
function apart(ratios: readonly number[]): number {
  const sorted = [...ratios].sort((a, b) => a - b);
  return Math.abs((sorted[Math.floor(sorted.length / 2)] ?? 0) - 1);
}
