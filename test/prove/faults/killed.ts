// A process is killed with -9 at every statement of what it does: before Postgres has seen it, and after Postgres has done it.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Browser } from '../../support/browser.js';
import { administrator, grantOf, rowsOf } from '../../support/pair.js';
import { authorizationUrl, codeOf, makePerson, pkce, redeem, refresh, signIn } from '../../support/party.js';
import type { ServerProcess } from '../../support/processes.js';
import { type Point, StatementGate } from '../../support/statement-gate.js';
import type { Report, Sight } from './report.js';
import { type House, openHouse, type Stage } from './stage.js';

const group = 'kill -9';

/** Something a process does, with its beginning and with what must be true afterwards, however far it came. */
interface Deed<T> {
  before(): Promise<T>;
  /** Rejects where the process dies. */
  act(start: T): Promise<unknown>;
  /** @returns what is wrong. @param answered whether it ended before the kill. */
  after(start: T): Promise<string | undefined>;
}

export async function killedFaults({ outside, postgres }: Stage, report: Report): Promise<void> {
  if (
    !report.wants(
      group,
      'at each statement of a code exchange a refresh a sign-in, from the first page a client creation',
    )
  )
    return;
  const { databaseUrl, redisUrl } = outside;
  const house = await openHouse({ outside: { databaseUrl, redisUrl } }, 1);
  const victims = new Victims(house, postgres.port);
  try {
    const each = <T>(what: string, promise: string, deed: Deed<T>) =>
      report.record(group, `at each statement of ${what}`, promise, (sight) => killEverywhere(sight, victims, deed));
    await each(
      'a code exchange',
      'nothing is consumed and the client may retry, or the code is spent and its tokens exist (RFC 6749 §4.1.2)',
      codeExchange(house),
    );
    await each(
      'a refresh',
      'retried inside the window it gets one successor, the same each time (RFC 9700 §4.14.2)',
      refreshing(house),
    );
    await each(
      'a sign-in, from the first page to the code',
      'starting again signs in; no session and no grant without its audit record, no record without them',
      signingIn(house),
    );
    await each('a client creation', 'client, secret and audit record exist, or none of them', await creation(house));
  } finally {
    await victims.close();
    await house.close();
  }
}

async function killEverywhere<T>(sight: Sight, victims: Victims, deed: Deed<T>): Promise<void> {
  const rehearse = async () => {
    const start = await deed.before();
    await victims.meet(() => deed.act(start));
  };
  const statements = await (async () => {
    const { gate } = await victims.next();
    await rehearse();
    const start = await deed.before();
    gate.arm(undefined, () => {});
    await victims.meet(() => deed.act(start));
    gate.disarm();
    return [...gate.seen];
  })();

  // A read changes nothing: what is true before it is true after it.
  const writes = statements.flatMap((text, index) => (isRead.test(text) ? [] : [index + 1]));
  const points: Point[] = writes.map((statement) => ({ statement, moment: 'before' }));
  points.push({ statement: writes.at(-1) ?? 1, moment: 'after' });

  const wrong: string[] = [];
  let killed = 0;
  for (const point of points) {
    const victim = await victims.next();
    // What is asked only the first time is asked now.
    await rehearse();
    const start = await deed.before();
    if (await victims.killAt(victim, point, () => deed.act(start))) killed += 1;
    const problem = await deed.after(start);
    if (problem) wrong.push(`${point.moment} ${statements[point.statement - 1]?.slice(0, 60)}: ${problem}`);
  }
  sight.must(
    `${statements.length} statements, ${writes.length} of them write; killed ${killed} times, before each of these and after the last`,
    killed === points.length,
  );
  sight.must(`the promise held each time${wrong.length > 0 ? ` (${wrong.join(' · ')})` : ''}`, wrong.length === 0);
}

const isRead = /^(SELECT (?!pg_notify|graphile_worker)|\w+_(find|read)_|find)(?!.*FOR UPDATE)/i;

interface Victim extends ServerProcess {
  gate: StatementGate;
}

/** Processes that are there to be killed: the next one starts while the last one dies. */
class Victims {
  private spare: Promise<Victim> | undefined;
  private current: Victim | undefined;

  constructor(
    private readonly house: House,
    private readonly databasePort: number,
  ) {}

  async next(): Promise<Victim> {
    if (this.current && isRunning(this.current)) return this.current;
    await this.current?.gate.close();
    this.spare ??= this.spawn();
    this.current = await this.spare;
    this.spare = this.spawn();
    return this.current;
  }

  /** All requests to the issuer's address go to the current one meanwhile. */
  async meet(work: () => Promise<unknown>): Promise<void> {
    this.house.route.to = this.current;
    try {
      await work();
    } finally {
      this.house.route.to = this.house.members[0];
    }
  }

  /** @returns whether it died of it. */
  async killAt({ child, gate }: Victim, point: Point, work: () => Promise<unknown>): Promise<boolean> {
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    gate.arm(point, () => child.kill('SIGKILL'));
    await Promise.race([this.meet(work).catch(() => {}), gone.then(() => delay(1_000))]);
    gate.disarm();
    if (child.killed) await gone;
    return child.killed;
  }

  async close(): Promise<void> {
    const spare = await this.spare?.catch(() => undefined);
    for (const one of [spare, this.current]) {
      one?.child.kill('SIGKILL');
      await one?.gate.close();
    }
  }

  private async spawn(): Promise<Victim> {
    const gate = await StatementGate.to(this.databasePort);
    const url = new URL(String(this.house.database.url));
    url.port = String(gate.port);
    const member = await this.house.spawn({ DATABASE_URL: url.href });
    this.house.members.splice(this.house.members.indexOf(member), 1);
    return { ...member, gate };
  }
}

const isRunning = ({ child }: ServerProcess) => child.exitCode === null && child.signalCode === null;

const tokensOn = async (house: House, grantId: string, kind: string): Promise<number> =>
  (await rowsOf(house, 'SELECT 1 FROM engine_rows WHERE grant_id = $1 AND kind = $2', grantId, kind)).length;

async function codeFor(house: House): Promise<{ code: string; proof: ReturnType<typeof pkce> }> {
  const { email } = await makePerson(house.server);
  const proof = pkce();
  return {
    code: codeOf(await signIn(new Browser(), authorizationUrl(house.server, house.party, proof), email)),
    proof,
  };
}

const codeExchange = (house: House): Deed<Awaited<ReturnType<typeof codeFor>>> => ({
  before: () => codeFor(house),
  act: ({ code, proof }) => redeem(house.server, house.party, code, proof),
  async after({ code, proof }) {
    const grantId = await grantOf(house, 'AuthorizationCode', code);
    const written = await tokensOn(house, grantId, 'AccessToken');
    const retried = await redeem(house.server, house.party, code, proof);
    if (written === 0 && retried.status === 200) return undefined;
    if (written === 1 && retried.body.error === 'invalid_grant') return undefined;
    return `${written} access tokens, and the retry answers ${retried.status}`;
  },
});

const refreshing = (house: House): Deed<string> => ({
  async before() {
    const { code, proof } = await codeFor(house);
    const { body } = await redeem(house.server, house.party, code, proof);
    return String(body.refresh_token);
  },
  act: (token) => refresh(house.server, house.party, token),
  async after(token) {
    const first = await refresh(house.server, house.party, token);
    const second = await refresh(house.server, house.party, token);
    const successors = (await tokensOn(house, await grantOf(house, 'RefreshToken', token), 'RefreshToken')) - 1;
    if (first.status === 200 && successors === 1 && first.body.refresh_token === second.body.refresh_token)
      return undefined;
    return `${first.status}, ${second.status}, ${successors} successors`;
  },
});

interface Visitor {
  id: string;
  email: string;
  browser: Browser;
}

const signingIn = (house: House): Deed<Visitor> => ({
  async before() {
    const { id, email } = await makePerson(house.server);
    return { id, email, browser: new Browser() };
  },
  act: ({ email, browser }) => signIn(browser, authorizationUrl(house.server, house.party, pkce()), email),
  async after({ id, email, browser }) {
    const again = await signIn(browser, authorizationUrl(house.server, house.party, pkce()), email);
    if (!again.url.includes('code=')) return `starting again ends at ${again.url.slice(0, 60)} (${again.status})`;
    const rows = async (text: string) => (await rowsOf<{ id: string }>(house, text, id)).map((row) => row.id).sort();
    const recorded = (name: string, member: string) =>
      rows(
        `SELECT data ->> '${member}' AS id FROM audit_events WHERE name = '${name}' AND data ->> 'user_id' = $1::text`,
      );
    const sessions = await rows('SELECT uid AS id FROM sessions WHERE account_id = $1');
    const grants = await rows('SELECT id FROM grants WHERE account_id = $1');
    const given = await recorded('grant.given', 'grant_id');
    if (String(sessions) !== String(await recorded('session.started', 'session_id')))
      return 'sessions and their records differ';
    // A grant is given once, and copied into each later session without being given again.
    if (given.length !== 1 || !grants.includes(String(given[0])))
      return `${given.length} grants given, ${grants.length} there`;
    return undefined;
  },
});

async function creation(house: House): Promise<Deed<string>> {
  const ask: House['ask'] = (_index, path, init) => fetch(`${house.issuer}${path}`, init);
  const manage = await administrator({ ...house, ask });
  return {
    before: async () => `Shop ${randomBytes(6).toString('hex')}`,
    act: (name) => manage(0, 'POST', '/clients', { client_name: name, redirect_uris: ['https://rp.example/cb'] }),
    async after(name) {
      const clients = await rowsOf<{ client_id: string }>(
        house,
        `SELECT client_id FROM clients WHERE metadata ->> 'client_name' = $1`,
        name,
      );
      const records = await rowsOf(
        house,
        `SELECT 1 FROM audit_events WHERE name = 'client.created' AND data ->> 'client_id' = $1`,
        clients[0]?.client_id ?? '',
      );
      const secrets = await rowsOf(
        house,
        'SELECT 1 FROM client_secrets WHERE client_id = $1',
        clients[0]?.client_id ?? '',
      );
      if (clients.length === records.length && clients.length === secrets.length) return undefined;
      return `${clients.length} clients, ${records.length} records, ${secrets.length} secrets`;
    },
  };
}
