// Owns what identity providers say of themselves: read when it is asked for, and once a day. What cannot be used replaces nothing that works.
// Hands off to: egress, the only way out; connection-metadata.ts, which says what of it is used.
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import type { Database } from '../../platform/database.js';
import { type Egress, EgressError } from '../../platform/egress.js';
import type { Limiter } from '../../platform/rate-limit.js';
import type { AuditLog } from '../audit/audit.service.js';
import { Connection } from './connection.entity.js';
import type { ConnectionHooks } from './connection-hooks.js';
import { askedOf, identityProviderFrom, type MetadataReader, providerFrom } from './connection-metadata.js';
import { isMeant, ReadIdentityProvider, sourceOf } from './connection-upstream.js';

export const READ_TASK = 'connections.read';
export const REFRESH_TASK = 'connections.refresh';
export const ReadConnection = z.strictObject({ connection_id: z.uuid() });

const mostBytes = 1024 * 1024;
const hourMs = 3_600_000;
const batch = 50;

/** The outbox: joins the surrounding transaction. */
interface Outbox {
  enqueue(task: string, payload: object): Promise<void>;
}

/** `why` is for the record; what is told says nothing of addresses and names that only we can see. */
type Found = { upstream: Record<string, unknown> } | { error: string; why?: string };

export class ConnectionRefresh {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly egress: Pick<Egress, 'fetch'>,
    private readonly readMetadata: MetadataReader,
    private readonly outbox: Outbox,
    private readonly hooks: Pick<ConnectionHooks, 'isKnown'>,
    private readonly questions: Pick<Limiter, 'consume'>,
  ) {}

  /** As soon as the surrounding transaction has committed, by the job. */
  async ask({ id }: Connection): Promise<void> {
    await this.outbox.enqueue(READ_TASK, { connection_id: id } satisfies z.infer<typeof ReadConnection>);
  }

  /** The job: of one that is there still. */
  async read({ connection_id }: z.infer<typeof ReadConnection>): Promise<void> {
    const connection = await this.db.repo(Connection).findOneBy({ id: connection_id });
    if (connection) await this.refresh(connection);
  }

  /** Because somebody asks for it. @throws AppError 429 */
  async refreshNow(connection: Connection): Promise<Connection> {
    if (sourceOf(connection)) await this.questions.consume(`${currentTenantId()}\0${connection.id}`);
    return this.refresh(connection);
  }

  /** Asked before anything is held. @returns the connection, which says what came of it; as it was where there is nothing to be read. */
  async refresh(connection: Connection): Promise<Connection> {
    const source = sourceOf(connection);
    if (source === undefined) return connection;
    const found = await this.fetched(connection, source);
    return this.db.transaction(async () => {
      const row = this.db.repo(Connection).query('c').andWhere('c.id = :id', { id: connection.id });
      const current = await row.setLock('pessimistic_write').getOne();
      // Nobody answers for what was asked while they waited.
      if (!current || sourceOf(current) !== source) return current ?? connection;
      await this.keep(current, (await this.isOther(current, found)) ? { error: 'other_provider' } : found);
      return current;
    });
  }

  /** The job, over all tenants: those that were not asked for a day, or failed an hour ago. May stop anywhere and run twice. */
  async run(signal?: AbortSignal): Promise<void> {
    const now = this.clock.now().getTime();
    const times = [new Date(now - 24 * hourMs), new Date(now - hourMs)];
    let failure: unknown;
    for (let after: string | null = null; ; ) {
      const due = (await this.db.manager.query(DUE, [...times, after, batch])) as { tenant_id: string; id: string }[];
      for (const { tenant_id: tenantId, id } of due) {
        if (signal?.aborted) return;
        const context = { tenantId, actor: { type: 'system' as const, id: 'ostiary' } };
        // One that cannot be looked at keeps nobody else.
        await withContext(context, () => this.read({ connection_id: id })).catch((error) => {
          failure ??= error;
        });
        after = id;
      }
      if (due.length < batch) break;
    }
    if (failure) throw failure;
  }

  private async fetched({ kind, settings }: Connection, source: string): Promise<Found> {
    try {
      const accept = kind === 'saml' ? 'application/samlmetadata+xml, application/xml, text/xml' : 'application/json';
      const answer = await this.egress.fetch(source, { headers: { accept }, maxBytes: mostBytes });
      if (answer.status !== 200) return { error: `status_${answer.status}` };
      return await this.understood(settings, source, Buffer.from(await answer.arrayBuffer()));
    } catch (error) {
      if (error instanceof EgressError) return { error: 'not_reached', why: error.code };
      throw error;
    }
  }

  private async understood({ saml, oidc }: Connection['settings'], source: string, body: Buffer): Promise<Found> {
    const now = this.clock.now();
    if (saml) {
      const said = await this.readMetadata(body, askedOf(saml, now));
      const read = identityProviderFrom(said, now);
      if (!read.ok) return { error: read.reason };
      const until = said.ok && said.value.valid_until !== undefined ? { valid_until: said.value.valid_until } : {};
      return isMeant(saml, read.value)
        ? { upstream: { source, idp: read.value, ...until } }
        : { error: 'other_provider' };
    }
    const read = providerFrom(parsed(body), oidc?.issuer ?? '');
    return read.ok ? { upstream: { source, metadata: read.value } } : { error: read.reason };
  }

  /** Whoever is known by it is known by the name of its provider. */
  private async isOther(connection: Connection, found: Found): Promise<boolean> {
    const name = (upstream: unknown) => ReadIdentityProvider.safeParse(upstream).data?.idp.entity_id;
    const [before, after] = [name(connection.upstream), 'upstream' in found ? name(found.upstream) : undefined];
    if (before === undefined || after === undefined || before === after) return false;
    return this.hooks.isKnown(connection);
  }

  private isOver(upstream: Connection['upstream']): boolean {
    const { valid_until } = ReadIdentityProvider.safeParse(upstream).data ?? {};
    return valid_until !== undefined && valid_until <= epochSeconds(this.clock.now());
  }

  private async keep(connection: Connection, found: Found): Promise<void> {
    const { id: connection_id, upstream, upstreamError } = connection;
    connection.upstreamAt = this.clock.now();
    if ('error' in found) {
      connection.upstreamError = found.error;
      if (this.isOver(upstream)) connection.upstream = { ...upstream, over: true };
      if (upstreamError !== found.error)
        await this.audit.record('connection.metadata_failed', { connection_id, reason: found.why ?? found.error });
    } else {
      Object.assign(connection, { upstream: found.upstream, upstreamError: null });
      if (upstreamError !== null || !isDeepStrictEqual(upstream, found.upstream))
        await this.audit.record('connection.metadata_refreshed', { connection_id });
    }
    await this.db.repo(Connection).save(connection);
  }
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

const DUE = `
  SELECT c.tenant_id, c.id FROM connections c JOIN tenants t ON t.id = c.tenant_id
   WHERE c.enabled_at IS NOT NULL AND t.suspended_at IS NULL AND t.deleting_at IS NULL
     AND (c.upstream_at IS NULL OR c.upstream_at <= $1 OR (c.upstream_error IS NOT NULL AND c.upstream_at <= $2))
     AND (c.kind = 'oidc' OR jsonb_exists(c.settings -> 'saml', 'metadata_url'))
     AND ($3::uuid IS NULL OR c.id > $3)
   ORDER BY c.id LIMIT $4`;
