import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../../config/root.js';
import { ask } from '../../support/api.js';
import { Inner, LISTED } from '../../support/inner.js';
import { dpopKey } from '../../support/proofs.js';
import { startServer, type TestServer } from '../../support/server.js';
import { selfSigned } from '../../support/tls.js';
import { around, here, names, otherSchemes } from './corpus.js';
import { callers, goodAnswer, type Place, placesOf } from './places.js';

/** Below it everything is at the address that may be called; what is called moving1 moves after the first look. */
const below = 'listed.example';
const places = Object.values(callers).flat().sort();
const redirects = [301, 302, 303, 307, 308].map((status) => `redirect/${status}`);

describe('nothing inside is called because somebody says so (OWASP ASVS 5.0 V1.3.6, RFC 9700 §4.12, RFC 7591 §5)', () => {
  const certificate = selfSigned(`*.${below}`);
  let server: TestServer;
  let inner: Inner;
  let found: Record<string, Place>;

  beforeAll(async () => {
    const key = await dpopKey();
    // For what clients sign, and for what is encrypted to them.
    const { jwk } = await dpopKey();
    const keys = [
      { ...key.jwk, kid: 'one', alg: 'ES256', use: 'sig' },
      { ...jwk, kid: 'two', alg: 'ECDH-ES', use: 'enc' },
    ];
    inner = await Inner.start((...asked) => goodAnswer(...asked, keys), certificate);
    const lookup = inner.names((host) => {
      if (!host.endsWith(below)) return names[host] ?? [];
      if (host.startsWith('both.')) return [LISTED, '127.0.0.1', '::1'];
      const [, looks] = /^moving(\d)/.exec(host) ?? [];
      return [looks && looksAt(host) > Number(looks) ? '127.0.0.1' : LISTED];
    });
    server = await startServer({
      environment: { EGRESS_ALLOW: LISTED },
      overrides: { egress: { lookup, timeoutMs: 1_000, ca: certificate.cert } },
    });
    found = await placesOf(server, key, listed());
  }, 180_000);
  afterAll(async () => {
    await server?.close();
    await inner?.close();
    certificate.remove();
  });

  const listed = (name = 'one', port = inner.listedPort) => `https://${name}.${below}:${port}`;
  const looksAt = (host: string) => inner.lookups.filter((one) => one === host).length;
  const place = (name: string) => found[name] as Place;

  /** @returns those of them that were taken, or took long. */
  async function taken(name: string, urls: readonly string[]) {
    inner.knocks = 0;
    const answers = await inBatches(urls, 8, async (url) => {
      const begun = Date.now();
      const why = await place(name).call(url);
      return { name, url, why, isLate: Date.now() - begun > 10_000 };
    });
    return { answers, wrong: answers.filter(({ why, isLate }) => why === undefined || isLate) };
  }

  it('every file that calls out is reached by an address of the corpus; a further one needs a place here', () => {
    const root = path.join(projectRoot, 'src');
    const calling = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (file) => file.endsWith('.ts') && /\begress\.fetch\(/.test(readFileSync(path.join(root, file), 'utf8')),
    );
    expect(calling.sort()).toEqual(Object.keys(callers).sort());
    expect(Object.keys(found).sort()).toEqual(places);
  });

  it('nobody goes another way: no file of the server but the way out knows an HTTP client', () => {
    const root = path.join(projectRoot, 'src');
    const others = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
      (file) =>
        file.endsWith('.ts') &&
        !file.startsWith('demo') &&
        /(?<!\.|async |function )\bfetch\(|\bglobalThis\.fetch|['"]undici['"]|\bhttps?\.(get|request)\(/.test(
          readFileSync(path.join(root, file), 'utf8'),
        ),
    );
    // Turnstile is handed the way out under this name; the command runs at whoever types it, and calls what they have named.
    const known = ['commands/webhooks-listen.ts', 'features/captcha/captcha.ts', 'platform/egress.ts'];
    expect(others.sort()).toEqual(known);
  });

  it('the corpus is large enough to be one', () => {
    expect(new Set([...here, ...around, ...Object.keys(names)]).size).toBeGreaterThanOrEqual(75);
  });

  describe.each(places)('each address that is called: %s', (name) => {
    it('is called where configuration lists the address, so that what follows is no accident', async () => {
      inner.asked = [];
      expect(await place(name).call(`${listed()}${place(name).path}`)).toBeUndefined();
      expect(inner.asked).toContain(place(name).path);
    });

    it('reaches no address of this machine and none around it, by http or https, however it is spelled', async () => {
      const hosts = [...here, ...around, ...Object.keys(names)];
      const urls = ['http', 'https'].flatMap((scheme) =>
        hosts.map((host) => `${scheme}://${host}:${inner.port}${place(name).path}`),
      );
      const { answers, wrong } = await taken(name, urls);
      expect(wrong).toEqual([]);
      expect(inner.knocks).toBe(0);
      // By its rule, not because nobody was there; and an answer tells nothing of an address.
      const reasons = answers.filter(({ url }) => !url.includes('%')).map(({ why }) => String(why));
      expect(reasons.filter((why) => /127\.0|::1|unreachable|timeout|ECONN/.test(why))).toEqual([]);
    });

    it('speaks no other scheme, and calls nothing that is no URL', async () => {
      expect((await taken(name, otherSchemes)).wrong).toEqual([]);
      expect(inner.knocks).toBe(0);
    });

    it('is not led inside by a name that moves there, or is at both (DNS rebinding)', async () => {
      inner.knocks = 0;
      const { looks = 1 } = place(name);
      const host = `moving${looks}-${places.indexOf(name)}`;
      // The address that was judged is the one that was called: there was no second look.
      expect(await place(name).call(`${listed(host)}${place(name).path}`)).toBeUndefined();
      expect(looksAt(`${host}.${below}`)).toBe(looks);
      for (const moved of [host, 'both'])
        expect(await place(name).call(`${listed(moved, inner.port)}${place(name).path}`)).toBeDefined();
      expect(inner.knocks).toBe(0);
    });
  });

  /** All of them at once: whoever waits for nobody costs nobody time. */
  const everywhere = async (paths: readonly string[]) => {
    const outcomes = await Promise.all(
      places.map((name, number) =>
        taken(
          name,
          paths.map((one) => `${listed()}/${one}/${number}`),
        ),
      ),
    );
    return outcomes.flatMap(({ wrong }) => wrong);
  };

  it('none of them follows a redirect inside: 301, 302, 303, 307, 308', async () => {
    expect(await everywhere(redirects)).toEqual([]);
    expect(inner.knocks).toBe(0);
  });

  it('none of them waits for who is silent, or says a byte now and then', async () => {
    expect(await everywhere(['silent', 'slow'])).toEqual([]);
  });

  it('none of them takes an answer without end: a huge one, a compressed one, one of headers alone', async () => {
    const wrong = await everywhere(['huge', 'bomb', 'headers']);
    // Who reads the beginning of an answer takes that, hangs up, and is not late.
    const cut = wrong.filter(({ name, isLate }) => place(name).reads === 'beginning' && !isLate);
    expect(wrong.filter((one) => !cut.includes(one))).toEqual([]);
    const { body } = await ask(server, undefined, 'get', '/openapi.json');
    expect(body.openapi).toBeDefined();
  });

  it('an answer does not tell one inner address from another', async () => {
    const { answers } = await taken(
      'jwks_uri',
      ['10.0.0.1', '127.0.0.1', 'inner.example', 'nobody.example'].map((host) => `https://${host}:${inner.port}/`),
    );
    expect(new Set(answers.map(({ why }) => why?.replace(/errors\/.{9}/, ''))).size).toBe(1);
  });
});

async function inBatches<T, R>(items: readonly T[], size: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const done: R[] = [];
  for (let at = 0; at < items.length; at += size)
    done.push(...(await Promise.all(items.slice(at, at + size).map(work))));
  return done;
}
