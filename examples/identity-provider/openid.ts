// OpenID Connect as a provider speaks it: oidc-provider as it comes, with everything in memory. People say who they are on the page of main.ts.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Provider } from 'oidc-provider';
import { type Fault, personOf, type Session } from './people.js';
import { ISSUER, jwk, ORIGIN } from './settings.js';

export const client = { client_id: 'ostiary', client_secret: 'only-for-trying-it-on-this-machine' };

/** What is wrong with what is said of somebody. */
const faulty = new Map<string, Fault>();

const provider = new Provider(ORIGIN, {
  clients: [{ ...client, redirect_uris: [`${ISSUER}/federation/`], grant_types: ['authorization_code'] }],
  jwks: { keys: [jwk] },
  // Cookies are shared by all ports of a host: names of their own.
  cookies: {
    keys: [jwk.d ?? ''],
    names: { interaction: 'idp_interaction', resume: 'idp_resume', session: 'idp_openid' },
  },
  claims: {
    openid: ['sub', 'acr', 'amr'],
    email: ['email', 'email_verified'],
    profile: ['name', 'given_name', 'family_name', 'groups'],
  },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, { uid }) => `/sign-in?interaction=${uid}` },
  // Nobody is asked whether they agree: the company has decided.
  async loadExistingGrant({ oidc }) {
    const { client, session, provider } = oidc;
    const grant = new provider.Grant({ clientId: client?.clientId, accountId: session?.accountId });
    grant.addOIDCScope('openid email profile');
    await grant.save();
    return grant;
  },
  findAccount(_ctx, id) {
    const person = personOf(id);
    if (!person) return undefined;
    const fault = faulty.get(id);
    const [given_name, family_name] = person.name.split(' ');
    const email = { email: person.email, email_verified: fault !== 'unverified' };
    const names = { name: person.name, given_name, family_name, groups: person.groups };
    return { accountId: id, claims: () => ({ sub: id, ...names, ...(fault === 'no_email' ? {} : email) }) };
  },
});

// The part behind is known when the connection is made, and another with each.
const isOurs = (uri: string) => uri.startsWith(`${ISSUER}/`);
provider.Client.prototype.redirectUriAllowed = isOurs;
provider.Client.prototype.postLogoutRedirectUriAllowed = isOurs;

export const answer = provider.callback();

/** Which sign-in is under way in this browser: its own cookie says so. */
export const begun = (request: IncomingMessage, response: ServerResponse) =>
  provider.interactionDetails(request, response);

/** @returns where the browser goes on. */
export async function finish(request: IncomingMessage, response: ServerResponse, { person, fault }: Session) {
  const details = await begun(request, response);
  faulty.set(person.id, fault);
  if (fault === 'nonce') details.params.nonce = 'of-another-request';
  const amr = person.mfa ? ['pwd', 'otp', 'mfa'] : ['pwd'];
  details.result = { login: { accountId: person.id, amr, remember: false } };
  await details.save(details.exp - Math.floor(Date.now() / 1000));
  return details.returnTo;
}
