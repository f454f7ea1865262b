// How something is shown to an endpoint, and what is answered.
import { type Dispatcher, request } from 'undici';
import type { Party } from './party.js';
import { proofOf } from './proofs.js';
import type { House } from './tenancy.js';

/** One way to show a value to an endpoint. */
export interface Shown {
  method: string;
  path: string;
  headers?: Record<string, string>;
  form?: Record<string, string>;
  json?: unknown;
}

/** @param uid of the interaction that cookies belong to. */
export type Way = (value: string, uid?: string) => Shown | Promise<Shown>;

export const basic = ({ clientId, clientSecret }: Pick<Party, 'clientId' | 'clientSecret'>) => ({
  authorization: `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`,
});
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** What was answered, without what differs each time. */
export interface Verdict {
  status: number;
  where?: string | undefined;
  said?: unknown;
}

export async function show(
  b: House,
  { method, path, headers = {}, form, json }: Shown,
): Promise<Verdict & { text: string }> {
  const type = json ? 'application/json' : form && 'application/x-www-form-urlencoded';
  // Not by fetch(), which takes twice the work: there are tens of thousands. As the same browser, for those who look at it.
  const answer = await request(`${b.server.issuer}${path}`, {
    method: method as Dispatcher.HttpMethod,
    headers: {
      accept: 'application/json, text/html',
      'user-agent': 'node',
      ...headers,
      ...(type ? { 'content-type': type } : {}),
    },
    body: form ? String(new URLSearchParams(form)) : json ? JSON.stringify(json) : null,
  });
  const text = await answer.body.text();
  const { location = '', 'content-type': answered = '' } = answer.headers as Record<string, string>;
  const to = location ? new URL(location, b.server.issuer) : undefined;
  const body = answered.includes('json') ? JSON.parse(text || '{}') : {};
  return {
    status: answer.statusCode,
    where: to && `${to.pathname.replace(/\/interaction\/.*/, '/interaction')} ${to.searchParams.get('error') ?? ''}`,
    said: body.error ?? body.code ?? body.active,
    text: text + location,
  };
}

export const verdict = ({ status, where, said }: Verdict): Verdict => ({ status, where, said });

export const assertionForm = ({ signer }: House, client_assertion: string) => ({
  grant_type: 'client_credentials',
  client_id: signer.clientId,
  client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
  client_assertion,
});

export const withNonce = async (at: House, nonce: string): Promise<Shown> => ({
  method: 'POST',
  path: '/token',
  headers: {
    ...basic(at.party),
    dpop: await proofOf(at.signer.key, { htm: 'POST', htu: `${at.server.issuer}/token`, nonce }),
  },
  form: { grant_type: 'client_credentials' },
});
