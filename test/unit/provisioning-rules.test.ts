import { describe, expect, it } from '@jest/globals';
import { changesOf, isInRequired, isNothing, wantedBy } from '../../src/features/connections/provisioning-rules.js';

const [r1, r2, t1, t2] = ['r1', 'r2', 't1', 't2'];

describe('what a connection wants for somebody', () => {
  const rules = {
    role: 'member' as const,
    roles: [r1],
    groups: [
      { group: 'ops', role: 'admin' as const, teams: [t1] },
      { group: 'dev', roles: [r2], teams: [t1, t2] },
    ],
  };
  it.each([
    ['the default', [], { role: 'member', roles: [r1], teams: [] }],
    ['a group', ['dev'], { role: 'member', roles: [r1, r2], teams: [t1, t2] }],
    ['the higher of several', ['dev', 'ops'], { role: 'admin', roles: [r1, r2], teams: [t1, t2] }],
    ['of a group nobody has named', ['DEV', 'other'], { role: 'member', roles: [r1], teams: [] }],
  ])('%s', (_name, groups, wanted) => expect(wantedBy(rules, groups)).toEqual(wanted));

  it('nobody is a member where nothing says so', () => {
    expect(wantedBy({ role: null, roles: [], groups: rules.groups }, ['dev']).role).toBeNull();
    expect(wantedBy({ role: null, roles: [], groups: rules.groups }, ['ops']).role).toBe('admin');
  });

  it('one of the required groups is enough', () => {
    expect([
      isInRequired([], []),
      isInRequired(['a', 'b'], ['b']),
      isInRequired(['a'], ['b']),
      isInRequired(['a'], []),
    ]).toEqual([true, true, false, false]);
  });
});

describe('how that meets what they have', () => {
  const nothing = { role: 'member' as const, roles: [], teams: [] };

  it('is added, and remembered as given', () => {
    const changes = changesOf(nothing, { role: 'admin', roles: [r1], teams: [t1] }, {});
    expect(changes).toEqual({
      role: 'admin',
      roles: [r1],
      joins: [t1],
      leaves: [],
      given: { admin: true, roles: [r1], teams: [t1] },
    });
  });

  it('is taken away again when it is wanted no more', () => {
    const has = { role: 'admin' as const, roles: [r1], teams: [t1] };
    const changes = changesOf(has, { role: 'member', roles: [], teams: [] }, { admin: true, roles: [r1], teams: [t1] });
    expect(changes).toEqual({
      role: 'member',
      roles: [],
      joins: [],
      leaves: [t1],
      given: { admin: false, roles: [], teams: [] },
    });
  });

  it('what somebody else has given stays, and is never counted as given', () => {
    const has = { role: 'admin' as const, roles: [r1], teams: [t1] };
    const wanted = changesOf(has, { role: 'admin', roles: [r1], teams: [t1] }, {});
    expect(wanted.given).toEqual({ admin: false, roles: [], teams: [] });
    const after = changesOf(has, { role: 'member', roles: [], teams: [] }, wanted.given);
    expect(isNothing(has, after)).toBe(true);
  });

  it('an owner stays one, and nobody becomes one', () => {
    const has = { role: 'owner' as const, roles: [], teams: [] };
    expect(changesOf(has, { role: 'member', roles: [], teams: [] }, { admin: true })).toMatchObject({
      role: 'owner',
      given: { admin: false },
    });
  });

  it('taken away by somebody here and still wanted, it is given again', () => {
    expect(changesOf(nothing, { role: 'admin', roles: [r1], teams: [] }, { admin: true, roles: [r1] })).toMatchObject({
      role: 'admin',
      roles: [r1],
    });
  });

  it('is nothing where everything is so already, in whatever order', () => {
    const has = { role: 'member' as const, roles: [r2, r1], teams: [t1] };
    expect(
      isNothing(
        has,
        changesOf(has, { role: 'member', roles: [r1, r2], teams: [t1] }, { roles: [r1, r2], teams: [t1] }),
      ),
    ).toBe(true);
  });
});
