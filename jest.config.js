// Tests run compiled (npm run build). The HTTP suite runs on the embedded database, and again on PostgreSQL and Redis where there are any.
import { existsSync } from 'node:fs';

const { TEST_DATABASE_URL, TEST_REDIS_URL } = process.env;
const chromium = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium';

const project = (displayName, folders, globals = {}) => ({
  displayName,
  rootDir: 'dist',
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.js`),
  transform: {},
  globals,
});

/** Projects that need something from outside, and what they need: the runner prints those that were left out. */
export const conditional = [
  {
    name: 'http on PostgreSQL and Redis',
    folders: ['http', 'processes'],
    needs: 'TEST_DATABASE_URL and TEST_REDIS_URL',
    met: Boolean(TEST_DATABASE_URL && TEST_REDIS_URL),
    project: project('postgres', ['http', 'processes'], { testKind: 'postgres' }),
  },
  {
    name: 'browser',
    folders: ['browser'],
    needs: 'Chromium at /usr/bin/chromium or CHROMIUM_PATH',
    met: existsSync(chromium),
    project: project('browser', ['browser']),
  },
];

export default {
  projects: [
    project('unit', ['unit', 'features']),
    project('embedded', ['http'], { testKind: 'embedded' }),
    ...conditional.filter(({ met }) => met).map((one) => one.project),
  ],
  testTimeout: 60_000,
  maxWorkers: 2,
  reporters: ['<rootDir>/dist/test/support/reporter.js'],
};
