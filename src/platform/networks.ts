// Lists of networks that somebody writes (RFC 4632, RFC 4291 §2.3): from where something may be asked.
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

/** IPv4 written as IPv6 is left out: addresses are compared as what they are, and such a network would hold none. */
const isNetwork = (text: string): boolean => {
  if (!ipaddr.isValidCIDR(text)) return false;
  const [address] = ipaddr.parseCIDR(text);
  return !(address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress());
};

export const Networks = z
  .array(z.string().max(49).refine(isNetwork, { message: 'must be a network, as 198.51.100.0/24 or 2001:db8:1::/48' }))
  .max(100)
  .refine((given) => new Set(given).size === given.length, { message: 'networks must differ' });
