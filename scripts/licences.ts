// Which licences may be shipped: permissive ones (SPDX names), read from package-lock.json.
export interface LockedPackage {
  license?: unknown;
  dev?: boolean;
  link?: boolean;
}

const PERMISSIVE = new Set([
  'MIT',
  'MIT-0',
  // As a package has it that writes no SPDX name.
  'MIT License',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'Python-2.0',
  'Unlicense',
  'Zlib',
]);

/** @returns one sentence for each package that is installed for production and not known to be permissive. */
export function licenceViolations(packages: Record<string, LockedPackage>): string[] {
  return Object.entries(packages)
    .filter(([place, { dev, link }]) => place !== '' && !dev && !link)
    .filter(([, { license }]) => typeof license !== 'string' || !permissive(license))
    .map(([place, { license }]) => `${place}: licence ${JSON.stringify(license ?? 'unknown')} is not on the list`);
}

/** SPDX expressions without nesting: of `OR` one part suffices, of `AND` all are needed. */
function permissive(expression: string): boolean {
  const terms = expression.replace(/[()]/g, '').split(/\s+OR\s+/);
  return terms.some((term) => term.split(/\s+AND\s+/).every((name) => PERMISSIVE.has(name.trim())));
}
