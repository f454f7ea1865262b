// npm test: everything that can run here, and a list of what could not. REQUIRE_ALL=1 makes a missing requirement a failure.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { projectRoot } from '../config/root.js';

interface Conditional {
  name: string;
  folders: string[];
  needs: string;
  met: boolean;
}

const { conditional } = (await import(path.join(projectRoot, 'jest.config.js'))) as { conditional: Conditional[] };

const { status } = spawnSync(process.execPath, ['node_modules/jest/bin/jest.js', ...process.argv.slice(2)], {
  cwd: projectRoot,
  stdio: 'inherit',
  env: {
    ...process.env,
    NODE_OPTIONS: '--experimental-vm-modules --no-warnings --max-old-space-size=4096 --max-semi-space-size=64',
  },
});

const missing = conditional.filter(({ met }) => !met);
for (const { name, folders, needs } of missing) {
  const suites = folders.flatMap((folder) =>
    readdirSync(path.join(projectRoot, 'dist', 'test', folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.test.js'))
      .map((file) => `${folder}/${file}`),
  );
  process.stdout.write(
    `Not run: ${name}; needs ${needs}. ${suites.map((file) => file.replace('.test.js', '')).join(', ')}\n`,
  );
}
process.exitCode = status !== 0 || (process.env.REQUIRE_ALL === '1' && missing.length > 0) ? 1 : 0;
