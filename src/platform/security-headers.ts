// The headers that an answer has, whoever gives it. Pages replace the policy by one that names where their own forms may lead.
import helmet, { type HelmetOptions } from 'helmet';
import type { Middleware } from 'koa';
import koaHelmet from 'koa-helmet';

/** @param secure whether the server is reached by https only. */
const options = (secure: boolean) =>
  ({
    // Each page names where its own forms may lead; everything else is no page and needs nothing.
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: secure ? { maxAge: 31_536_000, includeSubDomains: false } : false,
    xFrameOptions: { action: 'deny' },
    referrerPolicy: { policy: 'no-referrer' },
    crossOriginResourcePolicy: false,
  }) satisfies HelmetOptions;

/** For the doors of people. */
export const pageHeaders = (secure: boolean): Middleware => koaHelmet(options(secure));

/** For programs: decided once, because they are the same for all requests. Of the rest only a document takes notice. */
export function programHeaders(secure: boolean): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  const listener = {
    setHeader: (name: string, value: string) => void headers.set(name, value),
    removeHeader: (name: string) => void headers.delete(name),
  };
  const decide = helmet({
    ...options(secure),
    crossOriginOpenerPolicy: false,
    originAgentCluster: false,
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
  });
  decide({} as never, listener as never, (error?: unknown) => {
    if (error) throw error;
  });
  return headers;
}
