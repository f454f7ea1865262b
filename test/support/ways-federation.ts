// How a value is shown at the doors of identity providers: in what they bring, and as the connection that is asked.
import type { Shown, Way } from './shown.js';
import type { House } from './tenancy.js';

const messages: Record<string, Record<'GET' | 'POST', readonly string[]>> = {
  saml: { GET: ['metadata', 'login', 'arrival', 'slo', 'logout', 'signed-out'], POST: ['acs', 'arrival', 'slo'] },
  federation: { GET: ['login', 'callback', 'logout', 'signed-out'], POST: ['callback', 'backchannel-logout'] },
};

/** Each parameter that one of them reads. */
const parameters = (value: string): Record<string, string> => ({
  ...{ handle: value, ticket: value, state: value, code: value, logout_token: value, csrf: value },
  ...{ SAMLRequest: value, SAMLResponse: value, RelayState: value },
});

export function federationWays(b: House): Record<string, Way> {
  const found: Record<string, Way> = {};
  const headers = { origin: new URL(b.server.issuer).origin };
  for (const [door, methods] of Object.entries(messages))
    for (const [method, names] of Object.entries(methods))
      for (const name of names) {
        const said = (connection: string, value: string): Shown => {
          const path = `/${door}/${encodeURIComponent(connection)}/${name}`;
          if (method === 'POST') return { method, path, headers, form: parameters(value) };
          return { method, path: `${path}?${new URLSearchParams(parameters(value))}` };
        };
        const route = `${method} /${door}/:connection_id/${name}`;
        found[route] = (v) => said(b.ids.connection_id ?? '', v);
        found[`${route} connection_id`] = (v) => said(v, 'nothing');
      }
  return found;
}
