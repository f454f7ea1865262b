// Owns clients that are the address of a document (OAuth Client ID Metadata Document): what is read there becomes a row like any other, so that
// grants, consent, disabling and the audit log know them. Nothing is fetched before policy and limits allow it. Hands off to: ClientLookup.
import { IsNull, Not } from 'typeorm';
import type { Clock } from '../../../platform/clock.js';
import { currentContext, currentTenantId } from '../../../platform/context.js';
import type { Database, Statement } from '../../../platform/database.js';
import { type Egress, EgressError } from '../../../platform/egress.js';
import { AppError } from '../../../platform/errors.js';
import type { Logger } from '../../../platform/logger.js';
import { clientKey, type Limiter } from '../../../platform/rate-limit.js';
import type { AuditLog } from '../../audit/audit.service.js';
import type { ProtocolPolicy } from '../../tenants/protocol-policy/protocol-policy.js';
import { Client } from '../client.entity.js';
import { type FullMetadata, isSetting } from '../client.metadata.js';
import { checkedMetadata } from '../client.rules.js';
import type { ClientLookup } from '../client-lookup.js';
import { settingsOf } from '../client-settings.js';
import { DocumentRefused, DocumentUnavailable, holdsFor, MOST_BYTES, readDocument } from './document.js';
import { documentHost, isAllowedHost, isDocumentUrl } from './document-url.js';
import { Silences } from './silences.js';

type Metadata = Readonly<Record<string, unknown>>;
type TenantPolicy = () => Promise<Pick<ProtocolPolicy, 'client_id_metadata_documents'>>;

/** A document whose host does not answer holds so much longer: one that is gone, or says something else, does not. */
const GRACE_MS = 3_600_000;

interface Limits {
  /** From one address, and at one host. */
  byAddress: Pick<Limiter, 'consume'>;
  byHost: Pick<Limiter, 'consume'>;
}

interface Asked {
  clientId: string;
  /** Undefined where nothing is known that may go on. */
  known: Metadata | undefined;
}

export class MetadataDocuments {
  private readonly flights = new Map<string, Promise<Metadata | undefined>>();
  private readonly silences = new Silences();

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly lookup: ClientLookup,
    private readonly clock: Clock,
    private readonly tenantPolicy: TenantPolicy,
    private readonly egress: Pick<Egress, 'fetch'>,
    private readonly limits: Limits,
    private readonly logger: Logger,
  ) {}

  /**
   * The client as its document says, fetched where what is known holds no longer.
   * @returns undefined where it is no client: not allowed here, disabled, or not described by a document that we take.
   * @throws AppError 429 where too much was fetched for this address, or from this host.
   */
  engineMetadata(clientId: string): Promise<Metadata | undefined> {
    return isDocumentUrl(clientId) ? this.described(clientId) : this.lookup.engineMetadata(clientId);
  }

  private async described(clientId: string): Promise<Metadata | undefined> {
    const known = await this.lookup.engineMetadata(clientId);
    const { hosts } = (await this.tenantPolicy()).client_id_metadata_documents;
    if (!isAllowedHost(clientId, hosts)) return undefined;
    const { document_expires_at: until = 0 } = settingsOf(known);
    const now = this.clock.now().getTime();
    const isSilent = until + GRACE_MS > now && this.silences.has(keyOf(clientId), until, now);
    if (known && (until > now || isSilent)) return known;
    // A client that is disabled is not known to the engine, and its document brings it back as little as anything else.
    if (!known && (await this.db.repo(Client).existsBy({ clientId, disabledAt: Not(IsNull()) }))) return undefined;
    return this.together({ clientId, known });
  }

  /** Whoever asks for the same client at the same time waits for the same answer, unless it is that another address has asked too often. */
  private async together(asked: Asked): Promise<Metadata | undefined> {
    const key = keyOf(asked.clientId);
    const others = this.flights.get(key);
    if (others) {
      const answer = await others.catch((error) => {
        if (error instanceof AppError && error.status === 429) return error;
        throw error;
      });
      if (!(answer instanceof AppError)) return answer;
    }
    const flight: Promise<Metadata | undefined> = this.refresh(asked).finally(() => {
      if (this.flights.get(key) === flight) this.flights.delete(key);
    });
    this.flights.set(key, flight);
    return flight;
  }

  private async refresh({ clientId, known }: Asked): Promise<Metadata | undefined> {
    const host = documentHost(clientId);
    // Others may have read it while this one was looking.
    const latest = await this.lookup.engineMetadata(clientId);
    if ((settingsOf(latest).document_expires_at ?? 0) > this.clock.now().getTime()) return latest;
    try {
      // One tenant's requests are not counted against another's.
      await this.limits.byAddress.consume(`${currentTenantId()} ${clientKey(currentContext()?.ip)}`);
      await this.limits.byHost.consume(`${currentTenantId()} ${host}`);
      const { metadata, seconds } = await this.fetch(clientId);
      await this.keep(clientId, metadata, new Date(this.clock.now().getTime() + seconds * 1000));
      return await this.lookup.engineMetadata(clientId);
    } catch (error) {
      const [until, now] = [settingsOf(known).document_expires_at ?? 0, this.clock.now().getTime()];
      const goesOn = known !== undefined && until + GRACE_MS > now;
      // Whoever asks for other documents of the host, and too often, says nothing of this one.
      if (goesOn && error instanceof AppError && error.status === 429) return known;
      const reason = refusalOf(error);
      if (reason === undefined) throw error;
      this.logger.info('a client ID metadata document was not taken', { host, reason });
      // §4.4: what could not be fetched is not remembered as an answer.
      if (!goesOn || !isSilence(error)) return undefined;
      this.silences.note(keyOf(clientId), until, now);
      return known;
    }
  }

  private async fetch(clientId: string): Promise<{ metadata: FullMetadata; seconds: number }> {
    const answer = await this.egress.fetch(clientId, {
      headers: { accept: 'application/json' },
      maxBytes: MOST_BYTES,
    });
    const [status, contentType, text] = [answer.status, answer.headers.get('content-type'), await answer.text()];
    const metadata = readDocument(clientId, { status, contentType, text });
    return { metadata, seconds: holdsFor(answer.headers.get('cache-control')) };
  }

  /** What an administrator has said of the client stays. Nothing but its time is written where the document says what it said before. */
  private async keep(clientId: string, said: FullMetadata, documentExpiresAt: Date): Promise<void> {
    await this.db.transaction(async () => {
      // Two processes that see it for the first time follow each other.
      await this.db.execute(hold, [`${currentTenantId()} ${clientId}`]);
      const client = await this.db
        .repo(Client)
        .query('c')
        .andWhere('c.client_id = :clientId', { clientId })
        .setLock('pessimistic_write')
        .getOne();
      if (!client) await this.make(clientId, said, documentExpiresAt);
      else if (!client.disabledAt) await this.change(client, said, documentExpiresAt);
      await this.lookup.changed(clientId);
    });
  }

  private async make(clientId: string, metadata: FullMetadata, documentExpiresAt: Date): Promise<void> {
    const now = this.clock.now();
    await this.db.repo(Client).insert(
      Object.assign(new Client(), {
        clientId,
        name: metadata.client_name ?? clientId,
        metadata,
        dynamic: true,
        documentExpiresAt,
        createdAt: now,
        updatedAt: now,
      }),
    );
    await this.audit.record('client.created', { client_id: clientId, dynamic: true });
  }

  private async change(client: Client, said: FullMetadata, documentExpiresAt: Date): Promise<void> {
    const { clientId } = client;
    const settings = Object.fromEntries(Object.entries(client.metadata).filter(([name]) => isSetting(name)));
    const metadata = checkedMetadata({ ...settings, ...said });
    const changed = changedMembers(client.metadata, metadata);
    if (changed.length === 0) {
      await this.db.repo(Client).update({ clientId }, { documentExpiresAt });
      return;
    }
    const [name, updatedAt] = [metadata.client_name ?? clientId, this.clock.now()];
    Object.assign(client, { metadata, name, documentExpiresAt, version: client.version + 1, updatedAt });
    await this.db.repo(Client).save(client);
    await this.audit.record('client.updated', { client_id: clientId, changed });
  }
}

const keyOf = (clientId: string) => `${currentTenantId()} ${clientId}`;

const hold: Statement = {
  name: 'client_documents_hold',
  text: `SELECT pg_advisory_xact_lock(hashtextextended('client_document ' || $1::text, 0))`,
};

/** The order in which jsonb gives members back is its own. */
function changedMembers(before: object, after: object): string[] {
  const [old, now] = [before, after].map((one) => new Map(Object.entries(one)));
  const names = new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])]);
  return [...names].filter((name) => canonical(old?.get(name)) !== canonical(now?.get(name)));
}

const canonical = (value: unknown): string | undefined =>
  JSON.stringify(value, (_name, one) =>
    typeof one === 'object' && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one,
  );

/** Nobody answers: nothing is said about the document. */
const isSilence = (error: unknown): boolean =>
  error instanceof DocumentUnavailable ||
  (error instanceof EgressError && (error.code === 'timeout' || error.code === 'unreachable'));

/** @returns why, undefined where it is no fault of the document or its host. */
function refusalOf(error: unknown): string | undefined {
  if (error instanceof DocumentRefused) return error.message;
  if (error instanceof EgressError) return error.code;
  if (error instanceof AppError && error.status === 422)
    return error.details.issues?.map(({ pointer, message }) => `${pointer} ${message}`).join('; ') ?? error.message;
  return undefined;
}
