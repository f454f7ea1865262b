// How something is shown to an endpoint, and what is answered.
import type { Party } from './party.js';
import { proofOf } from './proofs.js';
import { swift } from './swift.js';
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
  const { status, location, text, body } = await swift(`${b.server.issuer}${path}`, {
    method,
    headers: { accept: 'application/json, text/html', ...headers },
    form,
    json,
  });
  const to = location ? new URL(location, b.server.issuer) : undefined;
  return {
    status,
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
