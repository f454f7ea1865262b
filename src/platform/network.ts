// The network an address lies in: what a person keeps while the address itself changes. Pure.
import ipaddr from 'ipaddr.js';

/** IPv4 /24, IPv6 /48 (RFC 6177 §2: what one site gets). Undefined where the address cannot be read. */
export function networkOf(ip: string | null | undefined): string | undefined {
  if (!ip || !ipaddr.isValid(ip)) return undefined;
  const address = ipaddr.process(ip);
  return address.kind() === 'ipv4'
    ? `${address.toByteArray().slice(0, 3).join('.')}.0/24`
    : `${(address as ipaddr.IPv6).parts
        .slice(0, 3)
        .map((part) => part.toString(16))
        .join(':')}::/48`;
}

/** The address in one spelling (RFC 5952; IPv4 that came as IPv6 is IPv4). Undefined where it cannot be read. */
export const addressOf = (ip: string | null | undefined): string | undefined =>
  ip && ipaddr.isValid(ip) ? ipaddr.process(ip).toString() : undefined;

/** Whether an address lies in one of several networks (RFC 4632, RFC 4291 §2.3). One that cannot be read lies in none. */
export function isWithin(ip: string | null | undefined, networks: readonly string[]): boolean {
  if (!ip || !ipaddr.isValid(ip)) return false;
  const address = ipaddr.process(ip);
  return networks.some((network) => {
    if (!ipaddr.isValidCIDR(network)) return false;
    const [first, bits] = ipaddr.parseCIDR(network);
    return first.kind() === address.kind() && address.match(first as never, bits);
  });
}
