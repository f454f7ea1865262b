// Which addresses may be called: the public internet, and what configuration lists.
import ipaddr from 'ipaddr.js';

type Address = ReturnType<typeof ipaddr.process>;

export class Addresses {
  private readonly hosts = new Set<string>();
  private readonly ranges: [Address, number][] = [];

  /** @param allow host names, addresses and CIDRs. @throws Error naming an entry that is none of them. */
  constructor(allow: readonly string[]) {
    for (const entry of allow) {
      if (ipaddr.isValidCIDR(entry)) this.ranges.push(ipaddr.parseCIDR(entry) as [Address, number]);
      else if (isLiteral(entry)) this.ranges.push(single(literal(entry)));
      else if (/^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?$/i.test(entry) && !/^[\d.]+$/.test(entry))
        this.hosts.add(plainHost(entry));
      else throw new Error(`not a host name, an address or a CIDR: ${entry}`);
    }
  }

  listsHost(host: string): boolean {
    return this.hosts.has(plainHost(host));
  }

  /** @param host the name under which the address was found, or the address itself. */
  lists(host: string, address: string): boolean {
    if (this.listsHost(host)) return true;
    const parsed = literal(address);
    return this.ranges.some(([range, bits]) => range.kind() === parsed.kind() && parsed.match(range, bits));
  }

  permits(host: string, address: string): boolean {
    return this.lists(host, address) || isPublic(literal(address));
  }
}

/** `[::1]` of a URL is `::1`. */
const unbracketed = (host: string) => host.replace(/^\[(.*)\]$/, '$1');
const plainHost = (host: string) => host.toLowerCase().replace(/\.$/, '');

export const isLiteral = (host: string) => {
  const text = unbracketed(host);
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
};

/** IPv4 written as IPv6 (RFC 4291 §2.5.5.2) is IPv4. */
const literal = (host: string): Address => ipaddr.process(unbracketed(host));

const single = (address: Address): [Address, number] => [address, address.kind() === 'ipv4' ? 32 : 128];

// RFC 3849, RFC 9637: documentation. IANA has given out nothing for the internet outside 2000::/3 (RFC 4291 §2.4), which leaves out NAT64,
// IPv4-compatible and site-local spellings of inner addresses at once; 6to4, Teredo and their kind within it have names of their own.
const assigned = ipaddr.IPv6.parseCIDR('2000::/3');
const documentation = [ipaddr.IPv6.parseCIDR('2001:db8::/32'), ipaddr.IPv6.parseCIDR('3fff::/20')];

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  if (!(address instanceof ipaddr.IPv6)) return true;
  return address.match(assigned) && !documentation.some((range) => address.match(range));
}
