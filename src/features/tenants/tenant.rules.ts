// Which host a tenant may have: the installation's own address, and names below the domain of tenants, are not anybody's. Pure.
import { isLoopback } from '../../../config/protocol.js';
import type { Places } from './tenant.entity.js';

/** @returns why not; undefined where it may. */
export function hostProblem(host: string, { issuer, domain }: Places): string | undefined {
  const { protocol, host: base } = new URL(issuer);
  // RFC 9110 §4.2.3: a browser leaves the usual port out, and would never reach this one.
  if (new URL(`${protocol}//${host}`).host !== host) return 'must not name the port that is usual anyway';
  if (host === base) return 'is the address of the installation';
  const name = host.replace(/:\d+$/, '');
  // RFC 8414 §2: an issuer is https, but for one that never leaves this machine.
  if (protocol === 'http:' && !isLoopback(name)) return 'must be a name of this machine where the installation is http';
  const below = domain && (name === domain || name.endsWith(`.${domain}`));
  return below ? `belongs to the tenants below ${domain}` : undefined;
}
