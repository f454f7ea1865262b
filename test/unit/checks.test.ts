import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';
import { violations } from '../../scripts/check.js';
import { between, configurationTable, environmentExample } from '../../scripts/generate.js';
import { importsOf, importViolations } from '../../scripts/imports.js';
import { licenceViolations } from '../../scripts/licences.js';

const one = (file: string, target: string) => importViolations(new Map([[file, `import { a } from '${target}';\n`]]));

describe('the project', () => {
  it('keeps its own rules: imports, licences, generated files', async () => {
    expect(await violations()).toEqual([]);
  });
});

describe('what is installed', () => {
  it('reports to nobody: what swagger-ui-dist would have it do is replaced by a package that does nothing', () => {
    const read = (file: string) => JSON.parse(readFileSync(path.join(projectRoot, file), 'utf8'));
    expect(read('package.json').overrides['@scarf/scarf']).toBe('npm:inherits@2.0.4');
    const { packages } = read('package-lock.json') as { packages: Record<string, Record<string, unknown>> };
    const reporting = Object.entries(packages).filter(
      ([place, { name, resolved }]) =>
        (place.endsWith('@scarf/scarf') && name !== 'inherits') || String(resolved).includes('/@scarf/'),
    );
    expect(reporting).toEqual([]);
  });
});

describe('who may know whom', () => {
  it.each([
    ['src/platform/database.ts', '../features/users/user.entity.js', 'the platform imports'],
    ['src/platform/views.ts', '../../config/index.js', 'the platform imports'],
    ['src/features/users/user.service.ts', '../../api/problem.js', 'a feature knows no door'],
    ['src/features/users/user.service.ts', '../../app.js', 'arrows point downwards'],
    ['src/features/users/user.service.ts', '../../wiring/ground.js', 'arrows point downwards'],
    ['src/account/routes.ts', '../wiring/account.js', 'arrows point downwards'],
    ['src/features/users/user.service.ts', '../../../config/index.js', 'passes values in'],
    ['src/features/users/user.routes.ts', 'koa', 'no Koa'],
    ['src/features/users/user.routes.ts', '@koa/router', 'no Koa'],
    ['src/features/users/user.service.ts', '../audit/audit.routes.js', 'its service or its entity'],
    ['src/interaction/login.ts', '../oidc/provider.js', 'never imports another door'],
    ['src/oidc/adapter.ts', 'oidc-provider/lib/helpers/defaults.js', 'not an interface'],
    ['src/oidc/adapter.ts', 'oidc-provider/lib/helpers/grants.js', 'not an interface'],
    ['src/oidc/grants/access-token.ts', 'oidc-provider/lib/helpers/defaults.js', 'not an interface'],
    ['src/features/users/user.service.ts', 'node:dns/promises', 'asked by the platform'],
    ['src/platform/network.ts', 'dns', 'asked by the platform'],
    ['src/api/routes.ts', '../demo/app.js', 'arrows point downwards'],
    ['src/demo/app.ts', '../platform/crypto.js', 'application of its own'],
    ['examples/web-app/main.ts', '../../src/platform/crypto.js', 'application of its own'],
    ['examples/web-app/main.ts', '../machine/main.js', 'application of its own'],
    ['src/oidc/provider.ts', '../../examples/web-app/openid.js', 'arrows point downwards'],
    ['migrations/0001-users.ts', '../src/features/users/user.entity.js', 'imports nothing'],
    ['config/index.ts', '../src/platform/crypto.js', 'knows nothing'],
  ])('refuses that %s imports %s', (file, target, reason) => {
    expect(one(file, target)).toEqual([expect.stringContaining(reason)]);
  });

  it.each([
    ['src/main.ts', '../config/index.js'],
    ['src/app.ts', './oidc/provider.js'],
    ['src/app.ts', './demo/app.js'],
    ['src/wiring/letters.ts', '../account/routes.js'],
    ['src/wiring/ground.ts', '../foundation.js'],
    ['src/oidc/provider.ts', '../features/clients/client.service.js'],
    ['src/oidc/provider.ts', './adapter.js'],
    ['src/oidc/grants/token-exchange.ts', '../policy.js'],
    ['src/oidc/grants/access-token.ts', 'oidc-provider/lib/helpers/grants.js'],
    ['src/oidc/provider.ts', '../../config/protocol.js'],
    ['src/features/users/user.service.ts', '../audit/audit.service.js'],
    ['src/features/users/user.service.ts', '../../platform/database.js'],
    ['src/interaction/routes.ts', '@koa/router'],
    ['migrations/0001-users.ts', 'typeorm'],
    ['src/platform/dns.ts', 'node:dns/promises'],
  ])('allows that %s imports %s', (file, target) => {
    expect(one(file, target)).toEqual([]);
  });

  it('finds features that stand in a circle', () => {
    const sources = new Map([
      ['src/features/a/a.service.ts', "import { b } from '../b/b.service.js';"],
      ['src/features/b/b.service.ts', "import type { C } from '../c/c.entity.js';"],
      ['src/features/c/c.service.ts', "import { a } from '../a/a.service.js';"],
    ]);
    expect(importViolations(sources)).toEqual([expect.stringContaining('a → b → c → a')]);
  });

  it('finds barrels and bags', () => {
    expect(importViolations(new Map([['src/features/users/index.ts', '']]))).toHaveLength(1);
    expect(
      importViolations(new Map([['src/features/users/all.ts', "export * from './user.entity.js';\n"]])),
    ).toHaveLength(1);
    expect(importViolations(new Map([['src/platform/utils/strings.ts', 'export const a = 1;\n']]))).toHaveLength(1);
  });

  it('reads every way to import, over several lines, and no comment', () => {
    const text =
      "import {\n  a,\n} from './a.js';\nexport * from './b.js';\nimport './c.js';\nawait import('./d.js');\n// import './e.js'\n";
    expect(importsOf(text)).toEqual(['./a.js', './b.js', './c.js', './d.js']);
  });
});

describe('licences of what is shipped', () => {
  it.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0-only)', true],
    ['MIT AND ISC', true],
    ['AGPL-3.0-only', false],
    ['MIT AND GPL-3.0-only', false],
    [undefined, false],
  ])('%s is permissive: %s', (license, expected) => {
    expect(licenceViolations({ '': {}, 'node_modules/x': { license } }).length === 0).toBe(expected);
  });

  it('leaves alone what only development uses', () => {
    expect(licenceViolations({ 'node_modules/x': { license: 'AGPL-3.0-only', dev: true } })).toEqual([]);
  });
});

describe('generated files', () => {
  it('describe every variable with its example, and hold no value that works as a secret', () => {
    for (const text of [environmentExample(), configurationTable()]) {
      expect(text).toContain('ENCRYPTION_KEYS');
      expect(text).toContain('TRUST_PROXY');
    }
    expect(environmentExample()).not.toMatch(/^[A-Z_]+=/m);
  });

  it('replace only what stands between the markers', () => {
    expect(between('a\n<!-- x -->\nold\n<!-- /x -->\nb', 'x', 'new')).toBe('a\n<!-- x -->\nnew\n<!-- /x -->\nb');
    expect(() => between('nothing here', 'x', 'new')).toThrow('missing');
  });
});
