// Which client_ids are addresses of metadata documents (OAuth Client ID Metadata Document §3). Compared as they are written, so never normalised.

const LONGEST = 256;

/** https, a host, a path; no fragment, no credentials, no dot segments, no query, and nothing that a URL parser would write differently. */
export function isDocumentUrl(clientId: string): boolean {
  if (!clientId.startsWith('https://') || clientId.length > LONGEST || !URL.canParse(clientId)) return false;
  const url = new URL(clientId);
  if (url.username || url.password) return false;
  // What the parser has to change (case of the host, a port that goes without saying, dot segments, backslashes) is another spelling of it.
  if (url.href !== clientId || clientId.includes('#') || clientId.includes('?')) return false;
  if (/%2e/i.test(url.pathname)) return false;
  return url.pathname !== '/' && isName(url.hostname);
}

/** The host of which a document says that the client is its own. */
export const documentHost = (clientId: string): string => new URL(clientId).hostname;

/** A name of the DNS: an address is nobody's to be recognised by. */
const isName = (host: string) => /^(?!\d+(\.\d+){3}$)[a-z0-9-]+(\.[a-z0-9-]+)+$/.test(host);

/** @param hosts of the tenant's policy: `*` is every one. */
export const isAllowedHost = (clientId: string, hosts: readonly string[]): boolean =>
  hosts.includes('*') || hosts.includes(documentHost(clientId));
