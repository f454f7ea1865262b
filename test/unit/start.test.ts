import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { projectRoot } from '../../config/root.js';

const STATIC = /^(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^import\s*['"]([^'"]+)['"]/gm;

/** Everything that is loaded with a file: of the compiled code, where types are gone and `import()` waits until it is called. */
function loadedWith(entry: string): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const visit = (file: string): void => {
    if (files.has(file)) return;
    files.add(file);
    for (const [, from, effect] of readFileSync(path.join(projectRoot, 'dist', file), 'utf8').matchAll(STATIC)) {
      const specifier = from ?? effect ?? '';
      if (specifier.startsWith('.')) visit(path.posix.join(path.posix.dirname(file), specifier));
      else packages.add(specifier);
    }
  };
  visit(entry);
  return { files, packages };
}

describe('a start in production', () => {
  const { files, packages } = loadedWith('src/run.js');

  it('loads the server', () => {
    expect([...files]).toEqual(expect.arrayContaining(['src/main.js', 'src/app.js', 'src/oidc/provider.js']));
    expect([...packages]).toEqual(expect.arrayContaining(['oidc-provider', 'typeorm', 'koa']));
  });

  it.each([
    '@electric-sql/pglite',
    'openid-client',
    'yaml',
    'commander',
    'argon2',
    '@node-rs/argon2',
    '@node-saml/node-saml',
    'samlify',
    '@simplewebauthn/server',
  ])('does not load %s: it is loaded on first use', (name) => {
    expect([...packages].filter((one) => one === name || one.startsWith(`${name}/`))).toEqual([]);
  });

  it('does not load the demo or the embedded database', () => {
    expect([...files].filter((file) => /\/(demo|run-demo|embedded)\b/.test(file) && !file.includes('jobs-'))).toEqual(
      [],
    );
  });
});
