// What the races rest on, taken out one statement at a time: a test that does not fail then guards nothing. Mutations are made in a copy of the
// compiled project, and the one test that guards the statement is run there.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { projectRoot } from '../../config/root.js';
import { profileMutations } from './mutations-profiles.js';
import { resourceMutations } from './mutations-resources.js';

export interface Mutation {
  /** What is taken out. */
  what: string;
  /** Below src, without ending. */
  file: string;
  from: string;
  to: string;
  /** Below test, without ending. */
  suite: string;
  /** Part of the name of the test that guards it. */
  test: string;
}

const statements = 'features/protocol/statements';
const grantStatements = 'features/protocol/grant-statements';

export const mutations: readonly Mutation[] = [
  {
    what: 'a code is spent only while it is unspent',
    file: statements,
    from: 'handle_hash = $3 AND consumed_at IS NULL RETURNING 1',
    to: 'handle_hash = $3 RETURNING 1',
    suite: 'processes/codes',
    test: 'buys tokens once when all 50 have read it unspent',
  },
  {
    what: 'a refresh token is spent only while it is unspent',
    file: statements,
    from: 'handle_hash = $3 AND consumed_at IS NULL RETURNING 1',
    to: 'handle_hash = $3 RETURNING 1',
    suite: 'processes/refresh',
    test: 'gives fifty identical answers and one successor when all have read it unspent',
  },
  {
    what: 'successors are written only by who spent the code',
    file: statements,
    from: "insertRows('WHERE EXISTS (SELECT 1 FROM consumed)')",
    to: "insertRows('')",
    suite: 'processes/codes',
    test: 'buys tokens once when all 50 have read it unspent',
  },
  {
    what: 'who comes second to a code ends what the first got',
    file: 'oidc/exchange',
    from: `if (grantId)
        await protocol.grants.end(requestOf(ctx), grantId, 'reuse', { kind, why: 'two at once' });`,
    to: '',
    suite: 'processes/codes',
    test: 'buys tokens once when all 2 have read it unspent',
  },
  {
    what: 'endings are told only where no transaction can commit one before them any more',
    file: 'features/token-status/token-endings',
    from: ' AND t.xid < h.xid',
    to: '',
    suite: 'http/token-endings',
    test: 'misses none of many transactions',
  },
  {
    what: 'a proof of a key counts once at the management API',
    file: 'features/protocol/active-token',
    from: 'throw new InvalidProof(',
    to: 'void new InvalidProof(',
    suite: 'http/api-bound-tokens',
    test: 'takes a proof once',
  },
  {
    what: 'a grant ends once',
    file: grantStatements,
    from: 'AND g.tenant_id = $1 AND g.ended_at IS NULL',
    to: 'AND g.tenant_id = $1',
    suite: 'processes/refresh',
    test: 'revokes the family once, however often it comes late',
  },
  {
    what: 'a refresh token in its window is shown to the engine as unspent',
    file: 'features/protocol/engine-rows',
    from: "row.kind === 'RefreshToken' && row.sealed_answer && row.answer_until",
    to: 'false && row.answer_until',
    suite: 'processes/refresh',
    test: 'refuses another client and a wrong secret, and nothing is burnt',
  },
  {
    what: 'the same answer is for the same key',
    file: 'oidc/exchange',
    from: 'earlier.key !== now.key',
    to: 'false',
    suite: 'processes/refresh',
    test: 'is answered again to the key it was answered to, and to no other',
  },
  {
    what: 'the same answer is for the same scope',
    file: 'oidc/exchange',
    from: 'earlier.asked !== now.asked',
    to: 'false',
    suite: 'processes/refresh',
    test: 'revokes the family when it asks for another scope',
  },
  {
    what: 'the code of a device goes on in one browser',
    file: 'features/protocol/device-statements',
    from: 'AND COALESCE(device_stage, 0) = $7 AND consumed_at',
    to: 'AND $7::int IS NOT NULL AND consumed_at',
    suite: 'processes/single-use',
    test: 'goes on in one of two browsers that have both read it unused',
  },
  {
    what: 'an ended session is not saved',
    file: statements,
    from: 'WHERE s.ended_at IS NULL AND (s.account_id IS NULL OR',
    to: 'WHERE (s.account_id IS NULL OR',
    suite: 'processes/sign-out',
    test: 'is not brought back by an authorization that had read it alive',
  },
  {
    what: 'a session ends once',
    file: statements,
    from: 'WHERE tenant_id = $1 AND uid = ANY ($2::text[]) AND ended_at IS NULL',
    to: 'WHERE tenant_id = $1 AND uid = ANY ($2::text[])',
    suite: 'processes/sign-out',
    test: 'ends once, however often it is ended',
  },
  {
    what: 'a session takes the grants with it that it does not list yet',
    file: grantStatements,
    from: 'WHERE g.tenant_id = $1 AND g.session_uid = ANY ($2::text[]) AND g.ended_at IS NULL',
    to: `WHERE g.tenant_id = $1 AND g.session_uid = ANY ($2::text[]) AND g.ended_at IS NULL
           AND EXISTS (SELECT FROM sessions s WHERE s.tenant_id = $1 AND s.uid = g.session_uid
                        AND s.payload -> 'authorizations' ? g.client_id)`,
    suite: 'processes/sign-out',
    test: 'takes a grant with it that an authorization has made and not yet entered in it',
  },
  {
    what: 'what stands on a session ends with it',
    file: grantStatements,
    from: '(g.stands_on = ANY ($7::text[]) OR',
    to: '(FALSE AND g.stands_on = ANY ($7::text[]) OR',
    suite: 'features/protocol-grants-apart',
    test: 'ends with the session that its token ends with',
  },
  {
    what: 'an assertion of a trusted issuer counts once',
    file: 'features/trusted-issuers/assertions',
    from: 'if (!unique)',
    to: 'if (false)',
    suite: 'processes/single-use',
    test: 'buys one token of twenty requests',
  },
  {
    what: 'nothing is given in a session that has ended',
    file: 'features/protocol/grants',
    from: 'if (held?.ended_at)',
    to: 'if (false)',
    suite: 'processes/sign-out',
    test: 'gets no grant any more for a client that was not used in it',
  },
  {
    what: 'a session does not end while something is given in it',
    file: grantStatements,
    from: 'WHERE tenant_id = $1 AND uid = $2 FOR SHARE',
    to: 'WHERE tenant_id = $1 AND uid = $2',
    suite: 'processes/sign-out',
    test: 'gets no grant any more for a client that was not used in it',
  },
  {
    what: 'nothing is remembered in a session that has ended',
    file: grantStatements,
    from: 'WHERE NOT EXISTS (SELECT 1 FROM session WHERE ended_at IS NOT NULL)',
    to: '',
    suite: 'processes/sign-out',
    test: 'gets no grant any more for a client that was agreed to in an older one',
  },
  {
    what: 'tabs that save one session at once are merged',
    file: statements,
    from: "FROM jsonb_each(s.payload -> 'authorizations') AS old",
    to: "FROM jsonb_each('{}'::jsonb) AS old",
    suite: 'processes/tabs',
    test: 'the session remembers both clients',
  },
  {
    what: 'of two tabs that copy a consent the second gets the copy of the first',
    file: grantStatements,
    from: `ON CONFLICT (tenant_id, session_uid, client_id, organization_id) WHERE ended_at IS NULL AND session_uid IS NOT NULL
       DO UPDATE SET expires_at = CASE WHEN g.organization_id IS NULL THEN g.expires_at ELSE excluded.expires_at END`,
    to: 'ON CONFLICT DO NOTHING',
    suite: 'processes/tabs',
    test: 'that was agreed to in an older one, silently',
  },
  {
    what: 'tabs give consent one after the other',
    file: 'features/protocol/grants',
    from: 'await this.db.execute(statements.lockGrant, [currentTenantId(), session.uid, clientId]);',
    to: '',
    suite: 'processes/tabs',
    test: 'they are at for the first time, silently',
  },
  {
    what: 'what a tab has begun goes on in the session the browser keeps',
    file: 'oidc/session',
    from: 'begun.uid = String(browser.uid)',
    to: 'void 0',
    suite: 'processes/tabs',
    test: 'both sign in, to two clients',
  },
  {
    what: 'a tab that signs in with a retired cookie gets a session',
    file: 'oidc/session',
    from: 'delete begun.uid',
    to: 'void 0',
    suite: 'processes/tabs',
    test: 'the later one comes with the cookie that the other has retired',
  },
  {
    what: 'the handle is put back as jti of an interaction',
    file: 'features/protocol/engine-rows',
    from: '...this.form.open(kind, row.sealed), jti: handle,',
    to: '...this.form.open(kind, row.sealed),',
    suite: 'http/main-job',
    test: 'sends the browser to hosted pages and back',
  },
  {
    what: 'the handle is put back as jti of a token',
    file: 'features/protocol/engine-rows',
    from: '{ ...payload, jti: handle, ...this.consumption',
    to: '{ ...payload, ...this.consumption',
    suite: 'processes/codes',
    test: 'buys tokens once of fifty times',
  },
  {
    what: 'the jti of a DPoP proof counts once',
    file: statements,
    from: 'ON CONFLICT DO NOTHING RETURNING 1',
    to: 'ON CONFLICT (tenant_id, id) DO UPDATE SET expires_at = excluded.expires_at RETURNING 1',
    suite: 'processes/single-use',
    test: 'buys one token of twenty requests with the same proof',
  },
  {
    what: 'the jti of a client assertion counts once',
    file: statements,
    from: 'ON CONFLICT DO NOTHING RETURNING 1',
    to: 'ON CONFLICT (tenant_id, id) DO UPDATE SET expires_at = excluded.expires_at RETURNING 1',
    suite: 'processes/single-use',
    test: 'authenticates one of twenty requests',
  },
  {
    what: 'a request_uri is spent only while it is unspent',
    file: 'features/protocol/short-lived-rows',
    from: "return redis.call('HSETNX', KEYS[1], 'consumed', ARGV[1])",
    to: "redis.call('HSET', KEYS[1], 'consumed', ARGV[1]) return 1",
    suite: 'processes/single-use',
    test: 'gives one code when all twenty have read it unused',
  },
  {
    what: 'an initial access token registers no more clients than it says',
    file: 'features/clients/registration/initial-access-tokens',
    from: 'AND hash = $2 AND uses_left > 0 AND expires_at > $3',
    to: 'AND hash = $2 AND expires_at > $3',
    suite: 'processes/single-use',
    test: 'registers as many clients as it says',
  },
  {
    what: 'a link is spent only while it is unspent',
    file: 'features/one-time-tokens/one-time-token.service',
    from: 'token_hash = $3 AND consumed_at IS NULL AND expires_at > $4 AND flow = $5',
    to: 'token_hash = $3 AND expires_at > $4 AND flow = $5',
    suite: 'processes/single-use',
    test: 'sets one password of twenty',
  },
  {
    what: 'a row is of one tenant',
    file: statements,
    from: 'WHERE r.tenant_id = $1 AND r.handle_hash',
    to: 'WHERE $1::uuid IS NOT NULL AND r.handle_hash',
    suite: 'processes/tenants',
    test: 'neither tokens nor codes nor sessions',
  },
  {
    what: 'tokens are read with the grant they stand on',
    file: statements,
    from: 'g.id = r.grant_id AND g.ended_at IS NULL',
    to: 'g.id = r.grant_id',
    suite: 'processes/changes',
    test: 'a revoked grant takes its tokens with it',
  },
  {
    what: 'tokens are read with the person they are for',
    file: statements,
    from: `AND (r.account_id IS NULL OR u.id IS NOT NULL)
      AND (r.kind`,
    to: 'AND (r.kind',
    suite: 'processes/changes',
    test: 'a disabled user is refused where a sign-in that was on its way',
  },
  {
    what: 'changes are told to the other processes',
    file: 'platform/invalidation',
    from: "await this.database.manager.query('SELECT pg_notify($1, $2)', [channel, payload]);",
    to: '',
    suite: 'processes/changes',
    test: 'the removed one does not',
  },
  {
    what: 'a certificate is believed from proxies we know',
    file: 'front',
    from: `if (trusted(req.socket.remoteAddress ?? '', 0))`,
    to: '',
    suite: 'standards/rfc8705/proxy',
    test: 'is not believed, whatever it says of a certificate',
  },
  {
    what: 'the answer to a refresh is for the certificate that asked',
    file: 'oidc/exchange',
    from: 'return certificateKey(ctx);',
    to: 'return undefined;',
    suite: 'standards/rfc8705/mutual-tls',
    test: 'does not get the tokens of the first',
  },
  ...profileMutations,
  ...resourceMutations,
];

export interface Verdict {
  mutation: Mutation;
  /** False: the guard passed although the statement was gone. */
  caught: boolean;
  /** What the guard said. */
  said: string;
}

/** A copy of the compiled project in which files can be changed. */
export class Workshop {
  private readonly folder = mkdtempSync(path.join(tmpdir(), 'ostiary-mutations-'));

  constructor() {
    cpSync(path.join(projectRoot, 'dist'), path.join(this.folder, 'dist'), { recursive: true });
    for (const file of ['package.json', 'package-lock.json', 'jest.config.js'])
      cpSync(path.join(projectRoot, file), path.join(this.folder, file));
    for (const folder of ['node_modules', 'views'])
      symlinkSync(path.join(projectRoot, folder), path.join(this.folder, folder));
  }

  /** @throws Error where the text is not there exactly once, or the guard failed for another reason than an expectation. */
  async try(mutation: Mutation): Promise<Verdict> {
    const file = path.join(this.folder, 'dist', 'src', `${mutation.file}.js`);
    const original = readFileSync(file, 'utf8');
    const parts = original.split(mutation.from);
    if (parts.length !== 2) throw new Error(`found ${parts.length - 1} times, not once: ${mutation.what}`);
    writeFileSync(file, parts.join(mutation.to));
    try {
      const { passed, failures } = await this.run(mutation.suite, [mutation.test]);
      const said = failures.find((message) => /expect\(|not within|no code at|was refused/.test(message));
      if (failures.length > 0 && said === undefined)
        throw new Error(`failed otherwise: ${mutation.what}\n${failures.join('\n')}`);
      if (passed + failures.length === 0) throw new Error(`no such test: ${mutation.test}`);
      return { mutation, caught: said !== undefined, said: said ?? '' };
    } finally {
      writeFileSync(file, original);
    }
  }

  /** Nothing is taken out: every guard in a suite must pass. @throws Error where one does not, or is not there. */
  async passes(suite: string, tests: readonly string[]): Promise<void> {
    const { passed, failures } = await this.run(suite, tests);
    if (passed < tests.length || failures.length > 0)
      throw new Error(`${passed} of ${tests.length} guards pass as it is: ${suite}\n${failures.join('\n')}`);
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async run(suite: string, tests: readonly string[]): Promise<{ passed: number; failures: string[] }> {
    const report = path.join(this.folder, 'report.json');
    rmSync(report, { force: true });
    const project = /^(unit|features)\//.test(suite) ? 'unit' : 'postgres';
    const pattern = tests.map((test) => test.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
    const child = spawn(
      process.execPath,
      [
        ...['node_modules/jest/bin/jest.js', '--selectProjects', project, '--testPathPatterns', `${suite}.test`],
        ...['-t', pattern, '--json', '--outputFile', report],
      ],
      {
        cwd: this.folder,
        stdio: 'ignore',
        env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules --no-warnings' },
      },
    );
    await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
    const { numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8')) as {
      numPassedTests: number;
      testResults: { message: string; assertionResults: { status: string; failureMessages: string[] }[] }[];
    };
    const failures = testResults.flatMap(({ message, assertionResults }) =>
      assertionResults.length === 0
        ? [message]
        : assertionResults.filter(({ status }) => status === 'failed').map((one) => one.failureMessages.join('\n')),
    );
    return { passed: numPassedTests, failures };
  }
}
