// Owns the Content-Security-Policy of pages: nothing runs, loads or frames but what lies in our own assets.
// Handed off to: every door that answers with a page; it names where its forms may lead.

/** The source that lets a form, and every redirect after it, lead to this address. Undefined: none can be named safely. */
export function formActionSource(address: string): string | undefined {
  if (!URL.canParse(address)) return undefined;
  const url = new URL(address);
  if (!/^[a-z][a-z0-9+.-]*:$/.test(url.protocol)) return undefined;
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return url.protocol;
  // CSP 3 §2.3.1 has no IPv6 literals in host-source; the scheme alone is the narrowest source that works.
  if (url.hostname.startsWith('[')) return url.protocol;
  // A URL may hold ; and , in its host: here they would end the directive, or the policy.
  return /^[a-z0-9._-]+$/.test(url.hostname) ? url.origin : undefined;
}

/**
 * @param formAction addresses beside our own that a form of this page may end at, e.g. this request's redirect_uri: browsers
 *   enforce form-action on every redirect after a POST. Only their origins or schemes are named.
 * @param widget the one origin beside our own whose script and frame this page shows.
 */
export function contentSecurityPolicy(formAction: readonly string[] = [], widget?: string): string {
  const forms = new Set(["'self'"]);
  for (const address of formAction) {
    const source = formActionSource(address);
    if (source) forms.add(source);
  }
  return [
    "default-src 'none'",
    `script-src 'self'${widget ? ` ${widget}` : ''}`,
    ...(widget ? [`frame-src ${widget}`] : []),
    "style-src 'self'",
    "img-src 'self' data: https:",
    "font-src 'none'",
    "connect-src 'self'",
    "base-uri 'none'",
    `form-action ${[...forms].join(' ')}`,
    "frame-ancestors 'none'",
  ].join('; ');
}
