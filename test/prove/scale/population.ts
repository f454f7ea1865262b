// Who there is: every id is computed from a number, so that a handle is known without being stored. One tenant has half of the people, the
// others less and less. Those who take part in the measuring are the same in both databases.
import { createHash } from 'node:crypto';

export interface Counts {
  users: number;
  clients: number;
  tenants: number;
  /** Of each user, in two browsers: three applications in one, two in the other. */
  tokensPerUser: 5;
  auditEvents: number;
}

export const full: Counts = {
  users: 1_000_000,
  clients: 50_000,
  tenants: 10_000,
  tokensPerUser: 5,
  auditEvents: 10_000_000,
};

export interface Person {
  index: number;
  tenant: number;
  id: string;
  email: string;
}

/** Days over which people, sessions and events are spread. */
const year = 365 * 24 * 3600 * 1000;

export class Population {
  readonly counts: Counts;
  private readonly began = Date.now() - year;

  constructor(readonly factor: number) {
    const part = (count: number) => Math.max(1, Math.round(count * factor));
    this.counts = {
      users: Math.max(2000, part(full.users)),
      clients: Math.max(400, part(full.clients)),
      tenants: Math.max(60, part(full.tenants)),
      tokensPerUser: 5,
      auditEvents: Math.max(20_000, part(full.auditEvents)),
    };
  }

  /** Half of the people are the first tenant's; of the others the n-th has about 1/√n as many as the first of them. */
  tenantOf(user: number): number {
    const { users, tenants } = this.counts;
    const half = users / 2;
    return user < half ? 0 : Math.min(tenants - 1, 1 + Math.floor((tenants - 1) * ((user - half) / half) ** 2));
  }

  person(index: number): Person {
    const id = uuid(this.timeOf(index, this.counts.users), index);
    return { index, tenant: this.tenantOf(index), id, email: `person-${index.toString(36)}@example.com` };
  }

  tenantId = (tenant: number): string => uuid(this.began, tenant, '9');
  slug = (tenant: number): string => `t-${tenant}`;

  /** A fifth of the clients are the first tenant's, the others are shared out evenly. */
  get clientsOfFirst(): number {
    return Math.floor(this.counts.clients / 5);
  }
  clientTenant(client: number): number {
    const first = this.clientsOfFirst;
    return client < first ? 0 : 1 + ((client - first) % (this.counts.tenants - 1));
  }
  clientId = (client: number): string => `client-${client.toString(36).padStart(5, '0')}`;
  clientName = (client: number): string => `${words[client % words.length]} ${String(client).padStart(6, '0')}`;

  /** The n-th application of a tenant, of those it has. */
  clientOf(tenant: number, n: number): number {
    const { tenants } = this.counts;
    const first = this.clientsOfFirst;
    if (tenant === 0) return n % first;
    const has = Math.ceil((this.counts.clients - first - (tenant - 1)) / (tenants - 1));
    return first + tenant - 1 + (n % has) * (tenants - 1);
  }

  /** The client of one of the five tokens of a person: others in the same browser have others. */
  clientOfToken = ({ index, tenant }: Person, token: number): number => this.clientOf(tenant, index + (token % 3));

  auditTime = (index: number): number => this.timeOf(index, this.counts.auditEvents);
  auditId = (index: number): string => uuid(this.auditTime(index), index, 'a');

  /** A thousand people who take part: half of the first tenant, the others of nine more, from the largest to the smallest. */
  participants(): Person[] {
    const { users, tenants } = this.counts;
    const half = Math.floor(users / 2);
    const spread = (from: number, to: number, count: number) =>
      Array.from({ length: count }, (_, n) => Math.floor(from + ((to - from) * (n + 0.5)) / count));
    const tail = [0, 0.0002, 0.001, 0.01, 0.05, 0.1, 0.3, 0.6, 0.9].flatMap((part) => {
      const tenant = 1 + Math.floor(part * (tenants - 2));
      const from = half + half * Math.sqrt((tenant - 1) / (tenants - 1));
      const to = half + half * Math.sqrt(tenant / (tenants - 1));
      return spread(from, to, Math.min(56, Math.floor(to - from))).filter((user) => this.tenantOf(user) === tenant);
    });
    return [...new Set([...spread(0, half, 500), ...tail])].map((index) => this.person(index));
  }

  private timeOf(index: number, count: number): number {
    return Math.floor(this.began + (year * 0.99 * index) / count);
  }
}

const words = ['Trip Planner', 'Payroll', 'Wiki', 'Calendar', 'Tickets', 'Storefront', 'Reports', 'Mail'];

/** UUIDv7 in form: a time, a kind and a number (RFC 9562 §5.7). */
function uuid(time: number, index: number, kind = '8'): string {
  const hex = time.toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-${kind}000-${index.toString(16).padStart(12, '0')}`;
}

/** 256 bits in base64url, as the server makes them; the same for the same words. */
export const handle = (...of: (string | number)[]): string =>
  createHash('sha256').update(of.join('|')).digest('base64url');
