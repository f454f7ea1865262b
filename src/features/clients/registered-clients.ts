// Clients that registered themselves (RFC 7591) and manage their registration (RFC 7592): the same rows under the same rules, always asking
// for consent. The engine has checked the request; what it hands over is checked against our own schema once more.
import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database.js';
import { invalid, notFound, unauthorized } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { Client } from './client.entity.js';
import { isRegistered, isSetting } from './client.metadata.js';
import { checkedMetadata, needsSecret } from './client.rules.js';
import type { ClientHooks } from './client-hooks.js';
import type { ClientLookup } from './client-lookup.js';
import { ClientSecrets } from './client-secrets.js';
import { type ClientSettings, settingsOf } from './client-settings.js';
import type { InitialAccessTokens } from './registration/initial-access-tokens.js';
import { scopesOf } from './registration/registration-policy.js';

type Members = Readonly<Record<string, unknown>>;
type Agreed = ClientSettings['registration_policy'];

export class RegisteredClients {
  private readonly secrets: ClientSecrets;

  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly lookup: ClientLookup,
    private readonly clock: Clock,
    private readonly hooks: Pick<ClientHooks, 'ended' | 'maySign'>,
    private readonly initialAccessTokens: Pick<InitialAccessTokens, 'spend'>,
  ) {
    this.secrets = new ClientSecrets(db, audit, clock, { production: true });
  }

  /**
   * @param sent all of the metadata, with a client_secret where the engine made one now.
   * @param initialAccessToken what a new client was registered with; undefined where the engine has found the client: one that has ended since
   * stays ended.
   * @throws AppError 422 where a member breaks our rules, 404 where the client has ended, 401 where others have used the token up meanwhile.
   */
  async save(sent: Members, initialAccessToken: string | undefined): Promise<void> {
    const clientId = String(sent.client_id);
    const secret = (await this.lookup.engineMetadata(clientId))?.client_secret;
    // The engine knows its own scopes only: all that were decided on travel beside them (oidc/registration.ts).
    const { allowed_scope, registration_policy: agreed } = settingsOf(sent);
    const said = { ...partOf(sent, isRegistered), ...scopeOf(allowed_scope) };
    await this.db.transaction(async () => {
      const client =
        initialAccessToken === undefined
          ? await this.change(clientId, said, agreed)
          : await this.make(clientId, said, initialAccessToken, agreed);
      // Where there was a secret already the engine makes none: what it hands over is the placeholder it was given.
      const made = secret === undefined && typeof sent.client_secret === 'string' ? sent.client_secret : undefined;
      if (!needsSecret(client.metadata)) await this.secrets.removeAll(client);
      else if (made) await this.secrets.add(client, { given: made });
      await this.lookup.changed(clientId);
    });
  }

  async delete(clientId: string): Promise<void> {
    await this.db.transaction(async () => {
      const client = await this.db.repo(Client).findOneBy({ clientId });
      if (!client) return;
      await this.hooks.ended(client);
      await this.db.repo(Client).delete({ clientId });
      await this.audit.record('client.deleted', { client_id: clientId });
      await this.lookup.changed(clientId);
    });
  }

  /** What an administrator has said of the client stays, whatever the client says anew (RFC 7592 §2.2). */
  private async change(clientId: string, said: Members, agreed: Agreed): Promise<Client> {
    const client = await this.db
      .repo(Client)
      .query('c')
      .andWhere('c.client_id = :clientId', { clientId })
      .setLock('pessimistic_write')
      .getOne();
    if (!client || client.disabledAt) throw notFound('client');
    assertStands(agreed, client.registrationPolicy);
    const metadata = checkedMetadata({ ...partOf(client.metadata, isSetting), ...said });
    await this.hooks.maySign(metadata);
    const name = metadata.client_name ?? clientId;
    const registrationPolicy = agreed ?? client.registrationPolicy;
    const [version, updatedAt] = [client.version + 1, this.clock.now()];
    Object.assign(client, { metadata, name, registrationPolicy, version, updatedAt });
    await this.audit.record('client.updated', { client_id: clientId, changed: Object.keys(metadata) });
    return this.db.repo(Client).save(client);
  }

  private async make(clientId: string, said: Members, initialAccessToken: string, agreed: Agreed): Promise<Client> {
    const now = this.clock.now();
    const metadata = checkedMetadata(said);
    await this.hooks.maySign(metadata);
    const spent = await this.initialAccessTokens.spend(initialAccessToken);
    if (!spent) throw unauthorized('invalid_token', 'The initial access token is used up');
    const client = Object.assign(new Client(), {
      clientId,
      name: metadata.client_name ?? clientId,
      metadata,
      dynamic: true,
      registrationPolicy: agreed ?? spent.policy,
      createdAt: now,
      updatedAt: now,
    });
    await this.db.repo(Client).insert(client);
    await this.audit.record('client.created', {
      client_id: clientId,
      dynamic: true,
      ...(spent.id ? { initial_access_token_id: spent.id } : {}),
    });
    return client;
  }
}

/** What was decided on may be older than what an administrator has given or taken away since. @throws AppError 422 */
function assertStands(decided: Agreed, stands: Client['registrationPolicy']): void {
  if (scopesOf(decided ?? {}).join(' ') === scopesOf(stands ?? {}).join(' ')) return;
  throw invalid('The registration is not for this client', [
    { pointer: '/scope', message: 'what this client may ask for has changed' },
  ]);
}

const scopeOf = (scope: string | undefined) => (scope === undefined ? {} : { scope });

/** Of all that the engine hands over: without the client_id, its secret, and what the engine adds. */
const partOf = (members: Members, belongs: (member: string) => boolean): Members =>
  Object.fromEntries(Object.entries(members).filter(([name, value]) => belongs(name) && value !== undefined));
