// Owns "Break it": each experiment sends one wrong request and reports what came back. A right server refuses them all.
import * as client from 'openid-client';
import type { RelyingParty } from './relying-party.js';
import { captionFor } from './relying-party.js';
import type { Outcome, Session } from './sessions.js';
import { type Exchange, record, recordingFetch } from './trace.js';

export interface Experiment {
  id: string;
  title: string;
  wrong: string;
  expected: string;
  /** Whether it spends what a sign-in gave. */
  needsSignIn: boolean;
  needsSecret?: boolean;
  run(party: RelyingParty, session: Session): Promise<unknown>;
}

type Call = { method: 'GET' | 'POST'; headers?: Record<string, string>; body?: URLSearchParams };

async function send(
  party: RelyingParty,
  endpoint: keyof client.ServerMetadata,
  { method, headers = {}, body }: Call,
  query?: URLSearchParams,
) {
  const metadata = (await party.configuration()).serverMetadata();
  const url = new URL(String(metadata[endpoint]));
  for (const [name, value] of query ?? []) url.searchParams.set(name, value);
  const type: Record<string, string> = body ? { 'content-type': 'application/x-www-form-urlencoded' } : {};
  await recordingFetch((target) => captionFor(target, metadata))(url.href, {
    method,
    headers: { ...type, ...headers },
    ...(body ? { body } : {}),
    signal: AbortSignal.timeout(10_000),
  });
}

async function authorize(party: RelyingParty, change: (parameters: URLSearchParams) => void) {
  const { parameters } = await party.authorizationParameters();
  const query = new URLSearchParams({ client_id: party.settings.clientId, ...parameters });
  change(query);
  await send(party, 'authorization_endpoint', { method: 'GET' }, query);
}

/** RFC 6749 §2.3.1: both parts are form-encoded first. */
function basic(id: string, secret: string): Record<string, string> {
  const credentials = [id, secret].map((part) => encodeURIComponent(part)).join(':');
  return { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
}

function ownCredentials({ settings }: RelyingParty, body: URLSearchParams): Call {
  if (settings.clientSecret) return { method: 'POST', body, headers: basic(settings.clientId, settings.clientSecret) };
  body.set('client_id', settings.clientId);
  return { method: 'POST', body };
}

const bearer = (token: string): Call => ({ method: 'GET', headers: { authorization: `Bearer ${token}` } });

export const experiments: Experiment[] = [
  {
    id: 'redirect-uri',
    title: 'A redirect_uri nobody registered',
    wrong: 'Asks the server to send its answer to another address, as a phishing link would.',
    expected: 'An error page, and no redirect anywhere (RFC 6749 §4.1.2.1).',
    needsSignIn: false,
    run: (party) => authorize(party, (query) => query.set('redirect_uri', `${party.settings.origin}/somewhere-else`)),
  },
  {
    id: 'no-pkce',
    title: 'No PKCE',
    wrong: 'Leaves out code_challenge, so that a stolen code could be redeemed by anybody.',
    expected: 'invalid_request (RFC 9700 §2.1.1).',
    needsSignIn: false,
    run: (party) =>
      authorize(party, (query) => {
        query.delete('code_challenge');
        query.delete('code_challenge_method');
      }),
  },
  {
    id: 'wrong-secret',
    title: 'A wrong client secret',
    wrong: 'Calls the token endpoint as this application, with another secret.',
    expected: '401 invalid_client (RFC 6749 §5.2).',
    needsSignIn: false,
    needsSecret: true,
    run: (party) =>
      send(party, 'token_endpoint', {
        method: 'POST',
        headers: basic(party.settings.clientId, 'this-is-not-the-secret'),
        body: new URLSearchParams({
          grant_type: 'authorization_code',
          code: 'made-up',
          redirect_uri: party.redirectUri,
        }),
      }),
  },
  {
    id: 'changed-state',
    title: 'A changed state',
    wrong:
      'Plays an answer whose state is not the one of this browser, as somebody who plants their own sign-in would.',
    expected: 'The application itself refuses, and the code is never sent on (RFC 9700 §4.7).',
    needsSignIn: false,
    run: playChangedState,
  },
  {
    id: 'garbled-token',
    title: 'A garbled access token',
    wrong: 'Changes the first letters of the access token and shows it at userinfo.',
    expected: '401 invalid_token (RFC 6750 §3.1).',
    needsSignIn: true,
    run: (party, { tokens }) => {
      const token = tokens?.accessToken ?? '';
      return send(party, 'userinfo_endpoint', bearer([...token.slice(0, 8)].reverse().join('') + token.slice(8)));
    },
  },
  {
    id: 'ended-token',
    title: 'An access token that has ended',
    wrong: 'Revokes the access token first, then shows it at userinfo. Refresh afterwards to get a new one.',
    expected: '401 invalid_token, at once and not only when it would have expired (RFC 7009 §2.1).',
    needsSignIn: true,
    async run(party, { tokens }) {
      const token = tokens?.accessToken ?? '';
      const body = new URLSearchParams({ token, token_type_hint: 'access_token' });
      await send(party, 'revocation_endpoint', ownCredentials(party, body));
      await send(party, 'userinfo_endpoint', bearer(token));
    },
  },
  {
    id: 'reused-code',
    title: 'A code used twice',
    wrong: 'Sends the code of your sign-in again, as somebody who read the browser history would.',
    expected: 'invalid_grant, and the tokens of the first use end too (RFC 6749 §4.1.2). Sign in again afterwards.',
    needsSignIn: true,
    run: (party, { tokens }) =>
      send(
        party,
        'token_endpoint',
        ownCredentials(
          party,
          new URLSearchParams({
            grant_type: 'authorization_code',
            code: tokens?.code ?? '',
            code_verifier: tokens?.codeVerifier ?? '',
            redirect_uri: party.redirectUri,
          }),
        ),
      ),
  },
];

/** Nothing is sent: the check stands before the token request. */
async function playChangedState(party: RelyingParty): Promise<string> {
  const configuration = await party.configuration();
  const callback = new URL(party.redirectUri);
  const { issuer } = configuration.serverMetadata();
  callback.search = new URLSearchParams({
    code: 'somebody-elses-code',
    state: client.randomState(),
    iss: issuer,
  }).toString();
  try {
    await client.authorizationCodeGrant(configuration, callback, {
      expectedState: client.randomState(),
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
    });
  } catch (error) {
    if (error instanceof Error) return `Refused by this application before anything was sent: ${error.message}`;
  }
  return '';
}

/** Runs one experiment. The verdict is read from the last answer: an error by name, or a status of 400 and above. */
export async function perform(experiment: Experiment, party: RelyingParty, session: Session): Promise<Outcome> {
  await party.configuration();
  const exchanges: Exchange[] = [];
  const local = await record(exchanges, () => experiment.run(party, session));
  if (typeof local === 'string')
    return {
      experiment: experiment.id,
      exchanges,
      refused: local !== '',
      verdict: local || 'Accepted. That is a fault.',
    };

  const last = exchanges.at(-1);
  const refused = Boolean(last?.error) || (last?.status ?? 0) >= 400;
  const answer = [last?.status, last?.error].filter(Boolean).join(' ');
  return {
    experiment: experiment.id,
    exchanges,
    refused,
    verdict: refused ? `Refused: ${answer}` : `Accepted with ${answer}. That is a fault.`,
  };
}
