// Owns which sessions of ours stand on which of an identity provider: one that ends over there ends those here, and what a connection has begun ends with
// it. Hands off to: the ordinary ends of sessions, which tell the applications.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId, type Sealer } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import type { SealedColumn } from '../../platform/rewrap.js';
import type { Sessions } from '../protocol/sessions.js';
import type { Connection } from './connection.entity.js';
import { sessionHash, subjectHash, TAKE_ENDED } from './federated-sign-in-rows.js';
import type { UpstreamIdentity } from './upstream-identity.js';

/** Longer than any session. */
const KEPT_MS = 400 * 86_400_000;

type Session = NonNullable<UpstreamIdentity['session']>;

/** What of a sign-in a session stands on. */
interface StandsOn {
  /** The sign-in. */
  id?: string | undefined;
  connection: Pick<Connection, 'id'>;
  identity: Pick<UpstreamIdentity, 'subject' | 'session'>;
}

/** What a session over there is ended by, from here. */
export interface UpstreamSession {
  connectionId: string;
  subject: string;
  sessionIndex: string | null;
  nameId?: Session['name_id'];
  idToken?: string | undefined;
}

interface Row {
  id: string;
  connection_id: string;
  subject: string;
  session_index: string | null;
  name_id_sealed: string | null;
}

export class UpstreamSessions {
  constructor(
    private readonly db: Database,
    private readonly sealer: Sealer,
    private readonly clock: Clock,
    private readonly sessions: Pick<Sessions, 'endStanding'>,
  ) {}

  /**
   * Before the session begins, or goes on with what was just proved.
   * @returns false where what it would stand on is not what it was any more (connection, organization, identity, session over there): nothing begins.
   */
  async remember(sessionUid: string, { id: signIn, connection, identity }: StandsOn): Promise<boolean> {
    const id = newId();
    const { index, ends_at, name_id, id_token } = identity.session ?? {};
    const told = name_id || id_token ? { name_id, id_token } : undefined;
    const now = this.clock.now();
    const rows = await this.db.execute(REMEMBER, [
      ...[currentTenantId(), id, sessionUid, connection.id, identity.subject, index ?? null],
      told ? this.sealer.seal(JSON.stringify(told), sealContext(currentTenantId(), id)) : null,
      ends_at === undefined ? null : new Date(ends_at * 1000),
      ...[now, new Date(now.getTime() + KEPT_MS), signIn ?? null],
    ]);
    return rows.length > 0;
  }

  /** On which a session of ours stands: for telling them that it ends. */
  async of(sessionUid: string): Promise<UpstreamSession[]> {
    const rows = await this.db.execute<Row>(OF_SESSION, [currentTenantId(), sessionUid]);
    return rows.map((row) => {
      const told = row.name_id_sealed && this.sealer.open(row.name_id_sealed, sealContext(currentTenantId(), row.id));
      const { name_id, id_token } = told ? (JSON.parse(told) as Pick<Session, 'name_id' | 'id_token'>) : {};
      const { connection_id: connectionId, subject, session_index: sessionIndex } = row;
      return { connectionId, subject, sessionIndex, nameId: name_id, idToken: id_token };
    });
  }

  /**
   * The identity provider says so: by the subject, by the session, or by both. Exactly those end, and of a person who is named those
   * of which it was never said which they are; a sign-in of theirs on its way ends, too.
   * @returns how many.
   */
  endedUpstream(
    connectionId: string,
    { subject, session_index }: { subject?: string | undefined; session_index?: string | undefined },
  ): Promise<number> {
    if (subject === undefined && session_index === undefined) return Promise.resolve(0);
    return this.db.transaction(async () => {
      const values = [currentTenantId(), connectionId, subject ?? null, session_index ?? null];
      const known = await this.db.execute<Standing>(STANDING, values);
      const subjects = new Set([...known.map((row) => row.subject), ...(subject === undefined ? [] : [subject])]);
      const hashes = [...subjects].map((one) => subjectHash(connectionId, one));
      const session = sessionHash(connectionId, session_index);
      await this.db.execute(TAKE_ENDED, [currentTenantId(), connectionId, hashes, session]);
      // Looked at again: what was just about to begin has held its sign-in, and was waited for.
      return this.end(await this.db.execute<Standing>(STANDING, values), 'logout');
    });
  }

  /** In the transaction in which an identity goes. */
  async endOf(connectionId: string, userId: string, exceptSession?: string): Promise<void> {
    const values = [currentTenantId(), connectionId, userId];
    const standing = await this.db.execute<Standing>(STANDING_OF_USER, values);
    await this.end(
      standing.filter(({ session_uid }) => session_uid !== exceptSession),
      'connection_ended',
    );
  }

  private end(standing: readonly Standing[], reason: 'logout' | 'connection_ended'): Promise<number> {
    const uids = [...new Set(standing.map(({ session_uid }) => session_uid))];
    const people = [...new Set(standing.map(({ user_id }) => user_id))];
    return this.sessions.endStanding(uids, people, reason);
  }
}

interface Standing {
  session_uid: string;
  user_id: string;
  subject: string;
}

const REMEMBER = {
  name: 'upstream_session_remember',
  text: `
    WITH theirs AS (
      SELECT id, organization_id FROM connections WHERE tenant_id = $1 AND id = $4 AND enabled_at IS NOT NULL FOR SHARE
    ), house AS (
      -- After the connection, as everybody holds them; whoever is suspending it is waited for.
      SELECT id FROM organizations
       WHERE tenant_id = $1 AND id = (SELECT organization_id FROM theirs) AND suspended_at IS NULL FOR SHARE
    ), on_its_way AS (
      SELECT id FROM federated_sign_ins WHERE tenant_id = $1 AND id = $11::uuid FOR SHARE
    )
    INSERT INTO upstream_sessions (tenant_id, id, session_uid, connection_id, user_id, subject, session_index, name_id_sealed, ends_at, created_at, expires_at)
    SELECT $1, $2, $3, $4, i.user_id, $5, $6, $7, $8, $9, $10
      FROM theirs JOIN identities i ON i.tenant_id = $1 AND i.connection_id = theirs.id AND i.subject = $5
     WHERE (theirs.organization_id IS NULL OR EXISTS (SELECT 1 FROM house)) AND ($11::uuid IS NULL OR EXISTS (SELECT 1 FROM on_its_way))
    RETURNING 1`,
};

const OF_SESSION = {
  name: 'upstream_sessions_of_session',
  text: `
    SELECT id, connection_id, subject, session_index, name_id_sealed FROM upstream_sessions
     WHERE tenant_id = $1 AND session_uid = $2 ORDER BY created_at, id`,
};

const STANDING = {
  name: 'upstream_sessions_standing',
  text: `
    SELECT DISTINCT session_uid, user_id, subject FROM upstream_sessions
     WHERE tenant_id = $1 AND connection_id = $2 AND ($3::text IS NULL OR subject = $3)
       AND ($4::text IS NULL OR session_index = $4 OR (session_index IS NULL AND $3::text IS NOT NULL))`,
};

const STANDING_OF_USER = {
  name: 'upstream_sessions_standing_of_user',
  text: `
    SELECT DISTINCT session_uid, user_id, subject FROM upstream_sessions
     WHERE tenant_id = $1 AND connection_id = $2 AND user_id = $3`,
};

const sealContext = (tenantId: string, id: string) => `upstream_sessions:${tenantId}:${id}:name_id`;

export const sealedUpstreamSessions: SealedColumn = {
  table: 'upstream_sessions',
  column: 'name_id_sealed',
  key: ['tenant_id', 'id'],
  context: ({ tenant_id, id }) => sealContext(String(tenant_id), String(id)),
};
