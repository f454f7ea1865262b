import type { Clock } from '../../platform/clock.js';
import { safeEqual, sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict } from '../../platform/errors.js';
import { Client } from '../clients/client.entity.js';
import { withDefaults } from '../clients/client.metadata.js';
import { needsSecret } from '../clients/client.rules.js';
import type { ClientService } from '../clients/client.service.js';
import { assertUsableSecret } from '../clients/secret-strength.js';
import { differing, type Step, same } from './change.js';
import type { DeclaredClient } from './declaration.schema.js';

interface Services {
  db: Database;
  clock: Clock;
  clients: ClientService;
  config: { environment: string };
}

/** @throws AppError for what only this installation refuses, as a weak secret in production. */
export async function clientStep(services: Services, declared: DeclaredClient): Promise<Step | undefined> {
  const { db, clients, config } = services;
  const { client_id, client_secret, disabled, roles, ...input } = declared;
  if (client_secret !== undefined) assertUsableSecret(client_secret, config.environment === 'production');
  const client = await db.repo(Client).findOneBy({ clientId: client_id });
  if (!client) return { action: 'create', changed: [], write: () => create(clients, declared) };
  if (client.dynamic && input.consent_policy === 'implicit')
    throw conflict('consent_required', 'A client that registered itself always asks for consent');

  const { consent_policy = 'explicit', ...metadata } = input;
  const full = withDefaults(metadata);
  const said = differing({ ...client.metadata, consent_policy: client.consentPolicy }, { ...full, consent_policy });
  const secret = await secretToAdd(services, client, needsSecret(full), client_secret);
  const toggled = disabled !== undefined && disabled !== Boolean(client.disabledAt);
  const newRoles = roles && !same([...new Set(roles)].sort(), [...client.roles].sort()) ? roles : undefined;
  const changed = [
    ...said,
    ...(secret ? ['client_secret'] : []),
    ...(newRoles ? ['roles'] : []),
    ...(toggled ? ['disabled'] : []),
  ];
  if (changed.length === 0) return undefined;
  const write = async () => {
    if (said.length > 0) await clients.replace(client, input);
    const made = secret && (await secret());
    if (newRoles) await clients.changeRoles(client, () => newRoles);
    if (toggled) await (disabled ? clients.disable(client) : clients.enable(client));
    return made ? { client_id, client_secret: made } : undefined;
  };
  return { action: 'update', changed, write };
}

async function create(clients: ClientService, declared: DeclaredClient) {
  const { client_id, client_secret, disabled, roles, ...input } = declared;
  const given = { clientId: client_id, ...(client_secret === undefined ? {} : { secret: client_secret }) };
  const { client, secret } = await clients.create(input, given);
  if (roles) await clients.changeRoles(client, () => roles);
  if (disabled) await clients.disable(client);
  return secret !== undefined && client_secret === undefined ? { client_id, client_secret: secret } : undefined;
}

/** The file's secret replaces all others; without one in the file, the client keeps what it has and gets one where it has none. */
async function secretToAdd(
  { clients, clock }: Services,
  client: Client,
  needed: boolean,
  given: string | undefined,
): Promise<(() => Promise<string | undefined>) | undefined> {
  if (!needed) return undefined;
  const now = clock.now();
  // Not ClientService.compareSecret: a disabled client has secrets too.
  const live = (await clients.listSecrets(client)).filter((one) => one.isLive(now));
  if (given === undefined) return live.length > 0 ? undefined : async () => (await clients.addSecret(client)).value;
  const hash = sha256(given);
  if (live.some((one) => safeEqual(one.hash, hash))) return undefined;
  return async () => {
    for (const { id } of await clients.listSecrets(client)) await clients.removeSecret(client, id);
    await clients.addSecret(client, { secret: given });
    return undefined;
  };
}
