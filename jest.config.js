// Tests run compiled (npm run build). The HTTP suite runs on the embedded database, and again on PostgreSQL and Redis where there are any:
// all of it where what a rule rests on is stored or told in another way there, and only once what no database can make different.
import { existsSync } from 'node:fs';

const { TEST_DATABASE_URL, TEST_REDIS_URL } = process.env;
const chromium = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

/**
 * Suites of test/http about what doors and pure code decide: on PostgreSQL and Redis where there are any, else on the embedded database.
 * Embedded differs in three things: one session (a second connection inside a transaction waits for ever, and is refused on PostgreSQL:
 * support/one-connection.ts), no LISTEN, and no Redis, so that sign-ins in progress, pushed requests and limits are kept elsewhere. What is about
 * one of the last two has no place here. Statements run on both in test/features, and in the suites of each feature that are not named here.
 */
export const once = [
  'account-api',
  'account-client',
  'account-pages',
  'account-password',
  'account-security',
  'account-settings',
  'administration-guide',
  'api-matrix',
  'api-properties',
  'captcha',
  'compression',
  'connection-guides',
  'connections-saml',
  'domain-joining',
  'email-change-undo',
  'enumeration',
  'factor-added',
  'federated-account',
  'federated-linking',
  'federated-organizations',
  'federated-steps',
  'federated-traces',
  'federation-logout',
  'federation-oauth2',
  'federation-oidc',
  'hosts',
  'imported-hashes',
  'interaction-password',
  'invitation-endings',
  'invitation-letters',
  'isolation-hosts',
  'json-sign-in',
  'limits-proxies',
  'mfa-required',
  'one-time-bound',
  'one-time-matrix',
  'organization-accounts',
  'organization-assurance',
  'organization-bounds',
  'organization-connections',
  'organization-grants',
  'organization-guide',
  'organization-header',
  'organization-inactive',
  'organization-joining',
  'organization-matrix',
  'organization-pages',
  'organization-tokens',
  'passkey-account',
  'passkey-ways-in',
  'request-log',
  'risk',
  'role-claims',
  'roles-privilege',
  'saml-arrival',
  'saml-journey',
  'saml-logout',
  'saml-simplesamlphp',
  'second-factor-guesses',
  'security-accounts',
  'security-host',
  'security-input',
  'security-merged',
  'security-privilege',
  'security-registration',
  'session-binding',
  'sign-in-ended',
  'stored-values',
  'tenant-domain',
  'tenant-settings',
  'ways-around',
  'well-known',
];

const project = (displayName, folders, { globals = {}, without = [] } = {}) => ({
  displayName,
  rootDir: 'dist',
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.js`),
  testPathIgnorePatterns: without.map((name) => `/test/http/${name}\\.test\\.js$`),
  transform: {},
  testRunner: '<rootDir>/test/support/framework.js',
  globals,
});

/**
 * What the protocol is, one folder of test/standards for each specification and one for the libraries of others, and the examples: once, here only
 * where there is no PostgreSQL.
 */
export const shown = ['standards', 'examples'];

/** Of these, what rests on sessions that end: on the embedded database as well. */
const beside = ['standards/openid-connect-rp-initiated-logout', 'standards/openid-connect-back-channel-logout'];

/** Projects that need something from outside, and what they need: the runner prints those that were left out. */
export const conditional = [
  {
    name: 'http on PostgreSQL and Redis',
    folders: ['http', 'processes', ...shown],
    needs: 'TEST_DATABASE_URL and TEST_REDIS_URL',
    met: Boolean(TEST_DATABASE_URL && TEST_REDIS_URL),
    project: project('postgres', ['http', 'processes', ...shown], { globals: { testKind: 'postgres' } }),
  },
  {
    name: 'browser',
    folders: ['browser'],
    needs: 'Chromium at /usr/bin/chromium or CHROMIUM_PATH',
    met: existsSync(chromium),
    project: project('browser', ['browser']),
  },
];

/** @param isBeside whether all of test/http runs on PostgreSQL too. */
export const embedded = (isBeside) =>
  project('embedded', isBeside ? ['http', ...beside] : ['http', ...shown], {
    globals: { testKind: 'embedded', isBeside },
    without: isBeside ? once : [],
  });

export default {
  projects: [
    project('unit', ['unit', 'features']),
    embedded(conditional[0].met),
    ...conditional.filter(({ met }) => met).map((one) => one.project),
  ],
  // Ends what hangs; nothing is measured by it.
  testTimeout: 180_000,
  maxWorkers: 2,
  // A full heap makes the suites that follow slow.
  workerIdleMemoryLimit: '600MB',
  testSequencer: '<rootDir>/dist/test/support/sequencer.js',
  reporters: ['<rootDir>/dist/test/support/reporter.js'],
};
