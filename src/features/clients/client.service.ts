// Owns the clients of a tenant: their metadata, whether they may act at all, and their secrets (client-secrets.ts).
// Hands off to: the engine, through client-lookup.ts; whoever ends grants and tokens, through the hook `ended`.
import type { Clock } from '../../platform/clock.js';
import { randomToken } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, invalid, notFound } from '../../platform/errors.js';
import { applyPatch } from '../../platform/merge-patch.js';
import type { AuditLog } from '../audit/audit.service.js';
import { type BecomeRoles, changeOfRoles, recordRoles } from '../users/held-roles.js';
import { isBuiltInClient } from './built-in-clients.js';
import { Client } from './client.entity.js';
import type { FullMetadata } from './client.metadata.js';
import { checkedMetadata, needsSecret } from './client.rules.js';
import { type AddSecret, CreateClient, type UpdateClient } from './client.schema.js';
import { type ClientHooks, noHooks } from './client-hooks.js';
import type { ClientLookup } from './client-lookup.js';
import { lockedClient } from './client-rows.js';
import type { ClientSecret } from './client-secret.entity.js';
import { ClientSecrets } from './client-secrets.js';
import { isLower } from './profiles.js';

export interface CreatedClient {
  client: Client;
  /** Shown this once. */
  secret?: string;
}

export class ClientService {
  private readonly secrets: ClientSecrets;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly lookup: ClientLookup,
    private readonly clock: Clock,
    settings: { production: boolean },
    private readonly hooks: ClientHooks = noHooks,
  ) {
    this.secrets = new ClientSecrets(db, audit, clock, settings);
  }

  async find(clientId: string): Promise<Client> {
    const client = await this.db.repo(Client).findOneBy({ clientId });
    if (!client) throw notFound('client');
    return client;
  }

  /** @param given what a declarative file may say itself; otherwise both are made here. */
  create(input: CreateClient, given: { clientId?: string; secret?: string } = {}): Promise<CreatedClient> {
    const { consent_policy, ...sent } = CreateClient.parse(input);
    const metadata = this.checked(sent);
    const clientId = given.clientId ?? randomToken(16);
    if (!/^[A-Za-z0-9._~-]{1,128}$/.test(clientId))
      throw invalid('The client_id cannot be used', [
        { pointer: '/client_id', message: 'must be 1–128 of A–Z a–z 0–9 . _ ~ -' },
      ]);
    if (isBuiltInClient(clientId)) throw conflict('reserved_client_id', 'This client_id belongs to the server itself');
    if (given.secret !== undefined && !needsSecret(metadata))
      throw conflict('no_secret_needed', 'A client that authenticates in another way has no client_secret');
    const now = this.clock.now();
    return this.db.transaction(async () => {
      await this.hooks.maySign(metadata);
      const client = await this.db.repo(Client).insert(
        Object.assign(new Client(), {
          clientId,
          name: metadata.client_name ?? clientId,
          metadata,
          consentPolicy: consent_policy ?? 'explicit',
          createdAt: now,
          updatedAt: now,
        }),
      );
      await this.audit.record('client.created', { client_id: clientId, dynamic: false });
      const added = needsSecret(metadata) ? await this.secrets.add(client, { given: given.secret }) : undefined;
      await this.lookup.changed(clientId);
      return { client, ...(added ? { secret: added.value } : {}) };
    });
  }

  /** RFC 7396: null takes a member away. @param ifMatch the version the caller saw. */
  update({ clientId }: Client, patch: UpdateClient, ifMatch?: number): Promise<Client> {
    return this.change(clientId, ifMatch, async (client) => {
      const { consent_policy, ...members } = patch;
      const consentPolicy = consent_policy ?? client.consentPolicy;
      await this.become(client, applyPatch(client.metadata, members), consentPolicy, members.scope);
    });
  }

  /** Says the whole of the metadata anew, as a declarative file does; nothing is written where nothing differs. */
  replace({ clientId }: Client, input: CreateClient): Promise<Client> {
    const { consent_policy, ...sent } = CreateClient.parse(input);
    return this.change(clientId, undefined, (client) => {
      // What is forgotten is not taken back: a lower profile has to be said.
      if (sent.profile === undefined && isLower(client.metadata.profile, undefined))
        throw invalid('The client metadata cannot be used', [
          { pointer: '/profile', message: `must be said: the client has the profile ${client.metadata.profile}` },
        ]);
      return this.become(client, sent, consent_policy ?? 'explicit', sent.scope);
    });
  }

  /** Its tokens at resources say them from the next on. @throws AppError 403 where it holds more than whoever asks. */
  changeRoles({ clientId }: Client, become: BecomeRoles, ifMatch?: number): Promise<Client> {
    return this.change(clientId, ifMatch, async (client) => {
      const { before, after } = changeOfRoles(client.roles, become);
      await this.assertNotStronger(client);
      await this.hooks.assigning(before, after);
      client.roles = after;
      await recordRoles(this.audit, { before, after }, { client_id: clientId });
    });
  }

  /** No token request, sign-in or refresh of this client succeeds from now on. */
  disable({ clientId }: Client): Promise<Client> {
    return this.change(clientId, undefined, async (client) => {
      if (client.disabledAt) return;
      client.disabledAt = this.clock.now();
      await this.hooks.ended(client);
      await this.audit.record('client.disabled', { client_id: clientId });
    });
  }

  enable({ clientId }: Client): Promise<Client> {
    return this.change(clientId, undefined, async (client) => {
      if (!client.disabledAt) return;
      await this.assertNotStronger(client);
      client.disabledAt = null;
      await this.audit.record('client.enabled', { client_id: clientId });
    });
  }

  delete({ clientId }: Client, ifMatch?: number): Promise<void> {
    return this.db.transaction(async () => {
      const client = await lockedClient(this.db, clientId, ifMatch);
      await this.hooks.ended(client);
      await this.db.repo(Client).delete({ clientId });
      await this.audit.record('client.deleted', { client_id: clientId });
      await this.lookup.changed(clientId);
    });
  }

  /** Rotation with an overlap: the secret in use goes on until it is removed, or until `previous_expires_in`. */
  addSecret(
    { clientId }: Client,
    { previous_expires_in, secret }: AddSecret & { secret?: string } = {},
  ): Promise<{ secret: ClientSecret; value: string }> {
    return this.db.transaction(async () => {
      const client = await lockedClient(this.db, clientId);
      await this.assertNotStronger(client);
      if (!needsSecret(client.metadata))
        throw conflict('no_secret_needed', 'This client authenticates in another way than with a client_secret');
      const added = await this.secrets.add(client, { given: secret, previousExpiresIn: previous_expires_in });
      await this.lookup.changed(clientId);
      return added;
    });
  }

  removeSecret({ clientId }: Client, secretId: string): Promise<void> {
    return this.db.transaction(async () => {
      await this.secrets.remove(await lockedClient(this.db, clientId), secretId);
      await this.lookup.changed(clientId);
    });
  }

  /** Never the secrets themselves: nobody has them. */
  listSecrets({ clientId }: Client): Promise<ClientSecret[]> {
    return this.secrets.list(clientId);
  }

  engineMetadata(clientId: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    return this.lookup.engineMetadata(clientId);
  }

  compareSecret(clientId: string, secret: string): Promise<boolean> {
    return this.lookup.compareSecret(clientId, secret);
  }

  /** @param scope as it is said, undefined where it is not. */
  private async become(
    client: Client,
    members: object,
    consentPolicy: Client['consentPolicy'],
    scope: unknown,
  ): Promise<void> {
    if (client.dynamic && consentPolicy === 'implicit')
      throw conflict('consent_required', 'A client that registered itself always asks for consent');
    await this.assertNotStronger(client);
    const metadata = this.checked(members);
    const registrationPolicy = client.policyWith(scope);
    const before: Record<string, unknown> = {
      ...client.metadata,
      consent_policy: client.consentPolicy,
      registration_policy: client.registrationPolicy,
    };
    const after: Record<string, unknown> = {
      ...metadata,
      consent_policy: consentPolicy,
      registration_policy: registrationPolicy,
    };
    const changed = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
      (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]),
    );
    if (changed.length === 0) return;
    await this.hooks.maySign(metadata);
    const [from, to] = [client.metadata.profile, metadata.profile];
    const name = metadata.client_name ?? client.clientId;
    Object.assign(client, { metadata, consentPolicy, registrationPolicy, name });
    if (!needsSecret(metadata)) await this.secrets.removeAll(client);
    await this.audit.record('client.updated', { client_id: client.clientId, changed });
    if (isLower(from, to))
      await this.audit.record('client.profile_lowered', {
        client_id: client.clientId,
        from: from ?? null,
        to: to ?? null,
      });
  }

  /** Whoever gets a secret of a client can do what the client can. @throws AppError 403 */
  private async assertNotStronger({ metadata, roles }: Client): Promise<void> {
    this.hooks.mayGrant(metadata.scope?.split(' ') ?? []);
    await this.hooks.holds(roles);
  }

  private checked(members: object): FullMetadata {
    const metadata = checkedMetadata(members);
    if (metadata.scope) this.hooks.mayGrant(metadata.scope.split(' '));
    return metadata;
  }

  private change(
    clientId: string,
    ifMatch: number | undefined,
    work: (client: Client) => Promise<void>,
  ): Promise<Client> {
    return this.db.transaction(async () => {
      const client = await lockedClient(this.db, clientId, ifMatch);
      const before = JSON.stringify(client);
      await work(client);
      if (JSON.stringify(client) === before) return client;
      client.version += 1;
      client.updatedAt = this.clock.now();
      await this.db.repo(Client).save(client);
      await this.lookup.changed(clientId);
      return client;
    });
  }
}
