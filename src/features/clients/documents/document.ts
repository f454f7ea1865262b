// What a client ID metadata document says, made into metadata of ours (OAuth Client ID Metadata Document §4). Pure: what was fetched comes in.
import { type FullMetadata, isRegistered } from '../client.metadata.js';
import { checkedMetadata } from '../client.rules.js';

/** Bytes (§6.6). */
export const MOST_BYTES = 5 * 1024;
const minute = 60;
/** Seconds for which a document holds at least, at most, and where it does not say (§4.4). */
const HOLDS = { least: 5 * minute, most: 24 * 60 * minute, unsaid: 60 * minute };

export interface FetchedDocument {
  status: number;
  contentType: string | null;
  text: string;
}

/** Why a document is not taken, in words for whoever looks into the log. */
export class DocumentRefused extends Error {}

/** The host does not answer for now: nothing is said of the document. */
export class DocumentUnavailable extends DocumentRefused {}

type Members = Readonly<Record<string, unknown>>;

/**
 * @throws DocumentRefused, or AppError 422 naming the members that break our rules.
 */
export function readDocument(clientId: string, fetched: FetchedDocument): FullMetadata {
  const said = parsed(fetched);
  // §4: compared as strings.
  if (said.client_id !== clientId) throw new DocumentRefused('client_id is not the address of the document');
  // §4.1: there is no way to share a secret.
  if ('client_secret' in said || 'client_secret_expires_at' in said)
    throw new DocumentRefused('a document must not hold a client_secret');
  const method = said.token_endpoint_auth_method ?? 'none';
  if (method !== 'none' && method !== 'private_key_jwt')
    throw new DocumentRefused('token_endpoint_auth_method must be none or private_key_jwt');
  for (const member of ['client_uri', 'logo_uri', 'tos_uri', 'policy_uri', 'jwks_uri'])
    if (said[member] !== undefined && !String(said[member]).startsWith('https://'))
      throw new DocumentRefused(`${member} must be https`);
  // Fetched like the document, and as often as the client comes: from no host that the tenant has not named, nor beside the limits of this one.
  if (said.jwks_uri !== undefined && hostOf(said.jwks_uri) !== new URL(clientId).host)
    throw new DocumentRefused('jwks_uri must be at the host of the document');
  // OpenID Connect Core §8.1: it would be fetched from anywhere, whenever the client comes.
  if (said.sector_identifier_uri !== undefined)
    throw new DocumentRefused('a document must not have a sector_identifier_uri');

  return checkedMetadata({
    ...Object.fromEntries(Object.entries(said).filter(([name]) => isRegistered(name))),
    application_type: applicationType(said),
    token_endpoint_auth_method: method,
    grant_types: grantsOf(said),
    response_types: ['code'],
  });
}

const hostOf = (uri: unknown) => (URL.canParse(String(uri)) ? new URL(String(uri)).host : '');

/** @returns seconds (RFC 9111 §5.2.2). */
export function holdsFor(cacheControl: string | null): number {
  const directives = (cacheControl ?? '').toLowerCase();
  if (/(^|[\s,])(no-store|no-cache)([\s,=]|$)/.test(directives)) return HOLDS.least;
  const age = /(?:^|[\s,])max-age\s*=\s*"?(\d{1,10})/.exec(directives)?.[1];
  return age === undefined ? HOLDS.unsaid : Math.max(HOLDS.least, Math.min(HOLDS.most, Number(age)));
}

function parsed({ status, contentType, text }: FetchedDocument): Members {
  // §4: no redirect is followed, so it is an answer like any other that is no document.
  if (status >= 500) throw new DocumentUnavailable(`the answer is ${status}`);
  if (status !== 200) throw new DocumentRefused(`the answer is ${status}`);
  if (!/^application\/([a-z0-9!#$&^_.-]+\+)?json\s*(;|$)/i.test(contentType ?? ''))
    throw new DocumentRefused('the answer is not JSON');
  if (Buffer.byteLength(text) > MOST_BYTES) throw new DocumentRefused('the document is too large');
  let said: unknown;
  try {
    said = JSON.parse(text);
  } catch {
    throw new DocumentRefused('the document is not JSON');
  }
  if (typeof said !== 'object' || said === null || Array.isArray(said))
    throw new DocumentRefused('the document is not an object');
  return said as Members;
}

/**
 * Where a document does not say it, an application that is sent its codes on the person's own machine is a native one (RFC 8252 §7.3).
 * @throws DocumentRefused where a web application would be sent to that machine, or anybody to a bare address.
 */
function applicationType(said: Members): unknown {
  const uris = Array.isArray(said.redirect_uris) ? said.redirect_uris.map(String) : [];
  const urls = uris.filter((uri) => URL.canParse(uri)).map((uri) => new URL(uri));
  const hosts = urls.map(({ hostname }) => hostname);
  const here = hosts.some((host) => isLoopback(host));
  if (hosts.some((host) => isAddress(host) && !isLoopback(host)))
    throw new DocumentRefused('redirect_uris must not be at an address');
  if (here && said.application_type === 'web')
    throw new DocumentRefused('a web application is not at the machine of whoever uses it');
  const native = here || urls.some(({ protocol }) => protocol.includes('.'));
  return said.application_type ?? (native ? 'native' : 'web');
}

const isLoopback = (host: string) => host === 'localhost' || host === '127.0.0.1' || host === '[::1]';
const isAddress = (host: string) => host.startsWith('[') || /^[\d.]+$/.test(host);

/** A document is for all authorization servers: of what it uses elsewhere, what a person takes part in here (§4.1). */
function grantsOf(said: Members): string[] {
  const named = Array.isArray(said.grant_types) ? said.grant_types : ['authorization_code'];
  const grants = ['authorization_code', 'refresh_token'].filter((grant) => named.includes(grant));
  if (!grants.includes('authorization_code')) throw new DocumentRefused('grant_types must have authorization_code');
  return grants;
}
