// Owns the way from the text of a declarative file to entries that can be applied, or to all of its mistakes.
// Hands off to: apply.service.ts.
import type { z } from 'zod';
import { StandardClaims } from '../users/user.schema.js';
import { type Finding, findings, type Path } from './declaration.problems.js';
import { clientFindings, duplicates, repeated, userFindings } from './declaration.rules.js';
import {
  DeclaredClient,
  DeclaredExchangePolicy,
  DeclaredResource,
  DeclaredRole,
  type DeclaredTenant,
  DeclaredUser,
  type Entry,
  Root,
  TenantSection,
} from './declaration.schema.js';
import { SourceText } from './source-text.js';

export interface Declarations {
  tenants: DeclaredTenant[];
  /** Where the entries stand, for what only the database knows to be wrong. */
  source: SourceText;
}

/** @throws DeclarationError with every mistake and its place. */
export function parseDeclarations(text: string, fileName: string): Declarations {
  const source = new SourceText(text, fileName);
  const { value: root } = source;
  check(source, Root, root, []);

  const base = emptyTenant('default', []);
  const tenants = [base];
  readLists(source, root, [], base);
  const sections: Entry<string>[] = [];
  for (const [index, section] of listOf(root, 'tenants').entries()) {
    const path = ['tenants', index];
    const checked = check(source, TenantSection, section, path);
    const slug = checked?.slug ?? String(memberOf(section, 'slug'));
    if (checked) sections.push({ path, value: slug });
    const tenant = slug === 'default' ? base : emptyTenant(slug, path);
    if (tenant !== base) tenants.push(tenant);
    if (checked) {
      const { name, host, settings } = checked;
      Object.assign(tenant, { path, own: { name, host, settings } });
    }
    readLists(source, section, path, tenant);
  }
  for (const found of [...repeated(sections, 'slug', (slug) => slug), ...duplicates(tenants)]) source.report(found);
  source.conclude();
  const said = ({ own, clients, users, resources, roles, exchangePolicies }: DeclaredTenant) =>
    own !== undefined || [clients, users, resources, roles, exchangePolicies].some(({ length }) => length > 0);
  return { tenants: tenants.filter(said), source };
}

const emptyTenant = (slug: string, path: Path): DeclaredTenant => ({
  slug,
  path,
  clients: [],
  users: [],
  resources: [],
  roles: [],
  exchangePolicies: [],
});

const claimNames = Object.keys(StandardClaims.shape).map((name) => `claims.${name}`);

function readLists(source: SourceText, section: unknown, path: Path, tenant: DeclaredTenant): void {
  for (const [index, raw] of listOf(section, 'clients').entries())
    read(source, DeclaredClient, raw, [...path, 'clients', index], tenant.clients, clientFindings);
  for (const [index, raw] of listOf(section, 'users').entries())
    read(source, DeclaredUser, raw, [...path, 'users', index], tenant.users, userFindings, claimNames);
  for (const [index, raw] of listOf(section, 'resources').entries())
    read(source, DeclaredResource, raw, [...path, 'resources', index], tenant.resources, () => []);
  for (const [index, raw] of listOf(section, 'roles').entries())
    read(source, DeclaredRole, raw, [...path, 'roles', index], tenant.roles, () => []);
  for (const [index, raw] of listOf(section, 'exchange_policies').entries()) {
    const at = [...path, 'exchange_policies', index];
    read(source, DeclaredExchangePolicy, raw, at, tenant.exchangePolicies, () => []);
  }
}

function read<S extends z.ZodObject>(
  source: SourceText,
  schema: S,
  raw: unknown,
  path: Path,
  into: Entry<z.output<S>>[],
  rules: (value: z.output<S>) => Finding[],
  known: readonly string[] = [],
): void {
  const value = check(source, schema, raw, path, known);
  if (!value) return;
  for (const found of rules(value)) source.report({ ...found, path: [...path, ...found.path] });
  into.push({ path, value });
}

/** @returns the value although it has unknown members: what the rest of it says can be judged all the same. */
function check<S extends z.ZodObject>(
  source: SourceText,
  schema: S,
  raw: unknown,
  path: Path,
  known: readonly string[] = [],
): z.output<S> | undefined {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const names = issue.path.length === 0 ? [...Object.keys(schema.shape), ...known] : [];
    for (const found of findings(issue, raw, names)) source.report({ ...found, path: [...path, ...found.path] });
  }
  return schema.strip().safeParse(raw).data as z.output<S> | undefined;
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;

function listOf(value: unknown, name: string): unknown[] {
  const list = memberOf(value, name);
  return Array.isArray(list) ? list : [];
}
