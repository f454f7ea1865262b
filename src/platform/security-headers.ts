// The headers that an answer has, whoever gives it. Pages replace the policy by one that names where their own forms may lead.
import helmet from 'helmet';

/** Of these only a document takes notice: an answer to a program goes without them. */
const ofDocuments = new Set([
  'Cross-Origin-Opener-Policy',
  'Origin-Agent-Cluster',
  'X-DNS-Prefetch-Control',
  'X-Download-Options',
  'X-Permitted-Cross-Domain-Policies',
  'X-XSS-Protection',
]);

export const forPrograms = (headers: ReadonlyMap<string, string>): ReadonlyMap<string, string> =>
  new Map([...headers].filter(([name]) => !ofDocuments.has(name)));

/** Helmet decides what they are, once: they are the same for all requests. @param secure whether the server is reached by https only. */
export function securityHeaders(secure: boolean): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const middleware = helmet({
    // Each page names where its own forms may lead; everything else is no page and needs nothing.
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: secure ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    xFrameOptions: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginResourcePolicy: false,
  });
  const listener = {
    setHeader: (name: string, value: string) => void headers.set(name, value),
    removeHeader: (name: string) => void headers.delete(name),
  };
  middleware({} as never, listener as never, (error?: unknown) => {
    if (error) throw error;
  });
  return headers;
}
