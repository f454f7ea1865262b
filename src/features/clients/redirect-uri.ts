// Which redirect_uris a client may register (RFC 9700 §2.1: compared exactly, so what is registered must be exact).

const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Schemes a browser or system gives a meaning of its own. */
const NEVER = new Set([
  'javascript:',
  'data:',
  'file:',
  'blob:',
  'about:',
  'mailto:',
  'ftp:',
  'ws:',
  'wss:',
  'vbscript:',
]);

/** @returns what is wrong in words, undefined where nothing is. */
export function redirectUriProblem(uri: string, applicationType: 'web' | 'native'): string | undefined {
  if (!isWritten(uri) || uri.includes('*'))
    return 'must not hold spaces, backslashes, wildcards, control characters or letters beyond ASCII (RFC 3986 §2)';
  if (uri.includes('#')) return 'must not have a fragment (RFC 6749 §3.1.2)';
  const url = parse(uri);
  if (!url) return 'must be an absolute URI';
  if (url.username || url.password) return 'must not hold credentials';
  if (!hasAuthority(uri, url)) return 'must be written as scheme://host (RFC 3986 §3.2)';
  if (!isPlainHost(url.hostname)) return 'must have a host of letters, digits, dots and hyphens';
  if (url.protocol === 'https:')
    return applicationType === 'native' && LOOPBACK.has(url.hostname)
      ? 'must be http on a loopback address, or https elsewhere (RFC 8252 §7)'
      : undefined;
  if (url.protocol === 'http:') return LOOPBACK.has(url.hostname) ? undefined : 'must be https, or http on loopback';
  if (applicationType === 'web') return 'must be https, or http on loopback';
  // RFC 8252 §7.1: a private-use scheme is a domain name in reverse, so it has a dot.
  return NEVER.has(url.protocol) || !url.protocol.includes('.')
    ? 'must use a private-use scheme such as com.example.app'
    : undefined;
}

/** https, or http on this machine. */
export function isWebUri(uri: string): boolean {
  const url = parse(uri);
  if (!url || /[\s\p{Cc}\\]/u.test(uri) || url.username || url.password) return false;
  if (!isPlainHost(url.hostname) || !hasAuthority(uri, url)) return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.has(url.hostname));
}

/** Exactly what a browser sends as Origin. */
export const isOrigin = (value: string): boolean => isWebUri(value) && parse(value)?.origin === value;

/** The URL standard lets ; , ' and more stand in a host, which mean something in headers. Empty: a private-use scheme. */
const isPlainHost = (host: string): boolean => /^[a-z0-9._-]*$/i.test(host) || host.startsWith('[');

/** RFC 3986 §2: a URI has no other characters, and whoever reads them reads them in a way of their own. */
export const isWritten = (uri: string): boolean => /^[\x21-\x7e]+$/.test(uri) && !/["<>\\^`{|}]/.test(uri);

/** The URL standard reads https:/host, https:///host and https://@host as https://host: others do not. */
const hasAuthority = (uri: string, { protocol }: URL): boolean =>
  !/^https?:$/.test(protocol) || /^https?:\/\/[^/?#@]+([/?#]|$)/i.test(uri);

function parse(uri: string): URL | undefined {
  try {
    return new URL(uri);
  } catch {
    return undefined;
  }
}
