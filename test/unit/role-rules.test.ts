import { describe, expect, it } from '@jest/globals';
import { builtInRoles, isBuiltIn } from '../../src/features/roles/built-in-roles.js';
import { type AnyRole, check, type Mode, permissionsAt, permissionsOf } from '../../src/features/roles/role.rules.js';
import { managementScopes } from '../../src/management.js';

const role = (permissions: string[], resourcePermissions: { resource: string; permissions: string[] }[] = []) => ({
  key: 'r',
  permissions,
  resourcePermissions,
});
const administrator = builtInRoles.filter(({ permissions }) => permissions === 'every');

describe('what roles open', () => {
  it.each<[string, readonly AnyRole[], string[]]>([
    ['none', [], []],
    ['one', [role(['a'])], ['a']],
    ['several, together', [role(['a']), role(['b', 'a'])], ['a', 'b']],
    ['what is not there any more', [role(['a', 'gone'])], ['a']],
    ['every one', [role(['gone']), ...administrator], ['a', 'b', 'c']],
    ['nothing by what they open elsewhere', [role([], [{ resource: 'urn:x', permissions: ['a'] }])], []],
  ])('%s', (_name, roles, opened) => {
    expect([...permissionsOf(roles, ['a', 'b', 'c'])]).toEqual(opened);
  });

  const resource = { identifier: 'urn:x', scopes: [{ name: 'read' }, { name: 'write' }] };
  it.each<[string, readonly AnyRole[], string[]]>([
    ['nothing by what they open in the management API', [role(['read'])], []],
    ['nothing by what they open at another', [role([], [{ resource: 'urn:y', permissions: ['read'] }])], []],
    ['what its scopes are', [role([], [{ resource: 'urn:x', permissions: ['write', 'gone'] }])], ['write']],
    ['every one', administrator, ['read', 'write']],
  ])('at a resource: %s', (_name, roles, opened) => {
    expect(permissionsAt(roles, resource)).toEqual(opened);
  });

  it.each<[Mode, string[], boolean, string[]]>([
    ['all', ['a'], true, []],
    ['all', ['a', 'c'], false, ['c']],
    ['all', [], false, []],
    ['any', ['a', 'c'], true, ['c']],
    ['any', ['c'], false, ['c']],
    ['any', [], false, []],
  ])('%s of %j', (mode, wanted, granted, missing) => {
    expect(check(new Set(['a', 'b']), wanted, mode)).toEqual({ granted, missing });
  });
});

describe('the roles that every tenant has', () => {
  it('name permissions that are there', () => {
    const named = builtInRoles.flatMap(({ permissions }) => (permissions === 'every' ? [] : permissions));
    for (const one of named) expect(Object.keys(managementScopes)).toContain(one);
  });

  it.each(['ADMIN', 'admin', 'Billing_Admin', 'SUPPORT', 'user'])('%s is one, in any spelling', (key) => {
    expect(isBuiltIn(key)).toBe(true);
  });
});
