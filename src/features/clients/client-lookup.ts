// What the engine asks for on every request: a client's metadata and whether a secret is right. Warm, neither costs a statement.
import { scopes } from '../../../config/protocol.js';
import { type Clock, epochSeconds } from '../../platform/clock.js';
import { currentTenantId, withContext } from '../../platform/context.js';
import { hmac, randomToken, safeEqual, sha256 } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { Cache, Caching } from '../tenants/caching.js';
import { Client } from './client.entity.js';
import { isSetting } from './client.metadata.js';
import { needsSecret } from './client.rules.js';
import { ClientSecret } from './client-secret.entity.js';
import { asTravelling, settingsOf } from './client-settings.js';
import { asProfiled, breaches, demandsOf } from './profiles.js';
import { scopesOf, words } from './registration/registration-policy.js';

const TOPIC = 'client';

/** Clients without a row, of the current tenant (built-in-clients.ts). */
type BuiltInClients = (clientId: string) => Promise<Metadata | undefined> | undefined;

type Metadata = Readonly<Record<string, unknown>>;

/** What the current tenant lets clients with a document ask for. */
type DocumentPolicy = () => Promise<{ scopes?: readonly string[] | undefined }>;

interface Entry {
  metadata: Metadata;
  secrets: ClientSecret[];
  hasDocument: boolean;
  limited?: { ceiling: string; metadata: Metadata };
}

export class ClientLookup {
  /**
   * The engine wants a secret and makes keys of it: one that is random and stored nowhere, so that nothing signed with what is stored is
   * believed. The same until the client changes, or one loaded anew in the middle of a request would seem to have another secret.
   */
  private readonly placeholderKey = randomToken();
  private readonly entries: Cache<Entry>;

  constructor(
    private readonly db: Database,
    private readonly caching: Caching,
    private readonly clock: Clock,
    private readonly documentPolicy: DocumentPolicy,
    private readonly builtInClients: BuiltInClients = () => undefined,
  ) {
    this.entries = caching.cache({ max: 5000, topic: TOPIC, load: (key) => this.load(key) });
  }

  /** @returns undefined where the client is unknown or disabled. */
  async engineMetadata(clientId: string): Promise<Metadata | undefined> {
    const builtIn = this.builtInClients(clientId);
    if (builtIn) return builtIn;
    const entry = await this.entry(clientId);
    return entry?.hasDocument ? this.limited(entry) : entry?.metadata;
  }

  /** What the tenant lets such clients ask for now, whatever it was when the document was read. The same object while both stay. */
  private async limited(entry: Entry): Promise<Metadata> {
    const ceiling = scopesOf(await this.documentPolicy());
    if (entry.limited?.ceiling !== ceiling.join(' '))
      entry.limited = { ceiling: ceiling.join(' '), metadata: withinCeiling(ceiling, entry.metadata) };
    return entry.limited.metadata;
  }

  /** Compares with every live secret, in constant time. */
  async compareSecret(clientId: string, secret: string): Promise<boolean> {
    const entry = await this.entry(clientId);
    const hash = sha256(secret);
    const now = this.clock.now();
    let equal = false;
    for (const one of entry?.secrets ?? []) if (safeEqual(one.hash, hash) && one.isLive(now)) equal = true;
    return equal;
  }

  /** Joins the surrounding transaction. */
  changed(clientId: string): Promise<void> {
    return this.caching.publish(TOPIC, keyOf(clientId));
  }

  /** What no client_id can be (RFC 6749 appendix A.1) is neither asked for nor remembered: it may be as long as a request. */
  private entry(clientId: string): Promise<Entry | undefined> {
    return /^[\x21-\x7e]{1,512}$/.test(clientId) ? this.entries.get(keyOf(clientId)) : nobody;
  }

  private async load(key: string): Promise<Entry | undefined> {
    const colon = key.indexOf(':');
    const clientId = key.slice(colon + 1);
    return withContext({ tenantId: key.slice(0, colon) }, async () => {
      const client = await this.db.repo(Client).findOneBy({ clientId });
      if (!client || client.disabledAt) return undefined;
      // What a profile asks may have grown since the row was written: rather no client than one that is held to less.
      if (breaches(client.metadata).length > 0) return undefined;
      const secrets = needsSecret(client.metadata) ? await this.db.repo(ClientSecret).findBy({ clientId }) : [];
      const hasDocument = Boolean(client.documentExpiresAt);
      const view = engineView(client, hmac(this.placeholderKey, `${key} ${client.version}`));
      const isRegistered = client.dynamic && !hasDocument;
      const metadata = isRegistered ? withinCeiling(scopesOf(client.registrationPolicy ?? {}), view) : view;
      return { metadata, secrets, hasDocument };
    });
  }
}

const nobody = Promise.resolve(undefined);

const keyOf = (clientId: string) => `${currentTenantId()}:${clientId}`;

function engineView(
  {
    clientId,
    metadata,
    consentPolicy,
    dynamic,
    registrationPolicy,
    documentExpiresAt,
    roles,
    usedAt,
    createdAt,
  }: Client,
  placeholder: string,
): Metadata {
  const { scope, ...members } = asProfiled(metadata);
  const view: Record<string, unknown> = {
    ...Object.fromEntries(Object.entries(members).filter(([name]) => !isSetting(name))),
    client_id: clientId,
    // What signs its ID tokens signs its authorization responses (JARM §3 has RS256 for who says nothing).
    authorization_signed_response_alg:
      members.authorization_signed_response_alg ?? members.id_token_signed_response_alg,
    // RFC 9701 §6 has the same, which is for no client of a profile that does not take it (FAPI 2.0 §5.4.1).
    ...(demandsOf(members.profile)
      ? {
          introspection_signed_response_alg:
            members.introspection_signed_response_alg ?? members.id_token_signed_response_alg,
        }
      : {}),
    ...(scope ? { scope: openidScope(words(scope)) } : {}),
    // RFC 7591 §3.2.1
    ...(dynamic ? { client_id_issued_at: epochSeconds(createdAt) } : {}),
    ...asTravelling({
      ...members,
      consent_policy: consentPolicy,
      dynamic,
      allowed_scope: scope,
      registration_policy: registrationPolicy ?? undefined,
      document_expires_at: documentExpiresAt?.getTime(),
      ...(roles.length > 0 ? { roles } : {}),
      used: usedAt !== null,
    }),
  };
  if (needsSecret(metadata)) view.client_secret = placeholder;
  return Object.freeze(view);
}

/** Who has registered itself, or has a document, says of itself what it likes: what it was registered under, or the tenant, has the last word. */
function withinCeiling(ceiling: readonly string[], metadata: Metadata): Metadata {
  const { allowed_scope } = settingsOf(metadata);
  const asked = allowed_scope === undefined ? ceiling : words(allowed_scope).filter((name) => ceiling.includes(name));
  return Object.freeze({ ...metadata, scope: openidScope(asked), ...asTravelling({ ceiling }) });
}

const ofEngine: ReadonlySet<string> = new Set(scopes);

/** `scope` may list scopes of resources too; the engine takes its own only, and none at all would mean every one of them. */
export const openidScope = (names: readonly string[]) =>
  names.filter((name) => ofEngine.has(name)).join(' ') || 'openid';
