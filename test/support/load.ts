// Applications at work while something is done to the server: over connections that are kept alive, and without a second try, because a
// request that had to be repeated is a request that failed.
import { randomInt } from 'node:crypto';
import { Agent, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Party } from './party.js';

const patienceMs = 20_000;

export interface Asked {
  name: string;
  status: number;
  text: string;
  /** Why there was no whole answer. */
  error?: string;
}

export interface Load {
  answers: Asked[];
  /** @returns when so many more have been answered. */
  more(count: number): Promise<void>;
  /** @returns everything that was not answered as it should be. */
  stop(): Promise<Asked[]>;
}

/** As many at a time as there are connections. The sign-in page is reached by a redirect that is followed by hand. */
export function load(port: number, host: string, party: Party, connections = 4): Load {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const answers: Asked[] = [];
  const state = { stopping: false };
  const basic = `Basic ${Buffer.from(`${party.clientId}:${party.clientSecret}`).toString('base64')}`;

  const ask = (name: string, method: string, path: string, form?: Record<string, string>, cookie?: string) =>
    new Promise<Asked & { location?: string | undefined; cookies: string }>((resolve) => {
      const body = form && new URLSearchParams(form).toString();
      const failed = (error: unknown) => resolve({ name, status: 0, text: '', error: String(error), cookies: '' });
      const sent = request(
        {
          port,
          host: '127.0.0.1',
          method,
          path,
          agent,
          headers: {
            host,
            // Each its own, behind a proxy that is trusted: limits by address are not what is tried here.
            'x-forwarded-for': `10.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}`,
            ...(body ? { authorization: basic, 'content-type': 'application/x-www-form-urlencoded' } : {}),
            ...(body ? { 'content-length': Buffer.byteLength(body) } : {}),
            ...(cookie ? { cookie } : {}),
          },
        },
        async (answer) => {
          try {
            let text = '';
            for await (const chunk of answer) text += chunk;
            const cookies = (answer.headers['set-cookie'] ?? []).map((line) => line.split(';', 1)[0]).join('; ');
            resolve({ name, status: answer.statusCode ?? 0, text, location: answer.headers.location, cookies });
          } catch (error) {
            failed(error);
          }
        },
      );
      sent.once('error', failed);
      sent.setTimeout(patienceMs, () => sent.destroy(new Error('no answer')));
      sent.end(body);
    });

  const authorize = `/authorize?${new URLSearchParams({
    client_id: party.clientId,
    response_type: 'code',
    redirect_uri: party.redirectUri,
    scope: 'openid',
    code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
    code_challenge_method: 'S256',
  })}`;
  const round = async () => {
    answers.push(await ask('discovery', 'GET', '/.well-known/openid-configuration'));
    const token = await ask('token', 'POST', '/token', { grant_type: 'client_credentials' });
    answers.push(token);
    if (token.status === 200) {
      const { access_token } = JSON.parse(token.text) as { access_token: string };
      answers.push(await ask('introspection', 'POST', '/introspect', { token: access_token }));
    }
    const { location, cookies, ...redirect } = await ask('authorize', 'GET', authorize);
    answers.push(redirect);
    if (location) answers.push(await ask('page', 'GET', new URL(location, 'http://x').pathname, undefined, cookies));
  };
  const running = Array.from({ length: connections }, async () => {
    // Where nobody answers, asking again at once would only take the time that the server needs to start.
    while (!state.stopping) await Promise.all([round(), answers.at(-1)?.error ? delay(100) : undefined]);
  });

  return {
    answers,
    async more(count) {
      for (const goal = answers.length + count; answers.length < goal; ) await delay(10);
    },
    async stop() {
      state.stopping = true;
      await Promise.all(running);
      agent.destroy();
      return answers
        .filter((answer) => !isGood(answer))
        .map(({ text, ...rest }) => ({ ...rest, text: text.slice(0, 500) }));
    },
  };
}

const isGood = ({ name, status, text }: Asked): boolean =>
  name === 'authorize'
    ? status === 303
    : status === 200 && (name !== 'introspection' || text.includes('"active":true'));
