import { describe, expect, it } from '@jest/globals';
import {
  type CustomRole,
  type Holding,
  mayTouch,
  permissionsOf,
  type Refusal,
  type Role,
  rankOf,
  refusalOfChange,
  refusalOfRole,
  type Standing,
  standingOf,
  TENANT,
  takesFrom,
} from '../../src/features/organizations/hierarchy.js';

const custom = (rank: number, ...permissions: string[]): CustomRole => ({
  id: `r${rank}`,
  key: `r${rank}`,
  rank,
  permissions,
});
const holding = (role: Role, roles: CustomRole[] = [], permissions: string[] = []): Holding => ({
  role,
  roles,
  permissions,
});

const owner = standingOf('owner', holding('owner'));
const admin = standingOf('admin', holding('admin', [], ['read']));
const clerk = custom(60, 'write');
const adminWithClerk = standingOf('admin', holding('admin', [clerk]));

describe('the rank of a member', () => {
  it.each<[number, Holding]>([
    [100, holding('owner')],
    [50, holding('admin')],
    [0, holding('member')],
    [99, holding('member', [custom(99)])],
    [50, holding('admin', [custom(20)])],
    [80, holding('admin', [custom(20), custom(80)])],
    [100, holding('owner', [custom(99)])],
  ])('is the highest of their roles: %i', (rank, whose) => expect(rankOf(whose)).toBe(rank));

  it('has with it what they are given directly and what their roles carry, each once', () =>
    expect(permissionsOf(holding('member', [custom(9, 'b', 'a'), custom(8, 'b')], ['c', 'a']))).toEqual([
      'a',
      'b',
      'c',
    ]));
});

describe('nobody touches what is above their own rank; equal is allowed', () => {
  it.each<[string, Standing, Holding, boolean]>([
    ['an admin a member', admin, holding('member'), true],
    ['an admin another admin', admin, holding('admin'), true],
    ['an admin an owner', admin, holding('owner'), false],
    ['an admin a member with a custom role above them', admin, holding('member', [clerk]), false],
    ['an admin with a custom role somebody at its rank', adminWithClerk, holding('member', [clerk]), true],
    ['an owner another owner', owner, holding('owner'), true],
    ['the tenant an owner', TENANT, holding('owner'), true],
  ])('%s', (_who, standing, them, may) => expect(mayTouch(standing, them)).toBe(may));
});

describe('nobody gives or takes away what is above their own rank', () => {
  const someone = 'somebody';
  it.each<[string, Standing, Holding | undefined, Holding, Refusal | undefined]>([
    ['an admin makes an admin', admin, undefined, holding('admin'), undefined],
    ['an admin makes an owner', admin, undefined, holding('owner'), 'rank_too_low'],
    ['an admin gives a custom role above them', admin, undefined, holding('member', [clerk]), 'rank_too_low'],
    ['an admin gives a custom role of their rank', admin, undefined, holding('member', [custom(50, 'x')]), undefined],
    ['an admin demotes an owner', admin, holding('owner'), holding('member'), 'rank_too_low'],
    ['an admin takes a custom role above them', admin, holding('member', [clerk]), holding('member'), 'rank_too_low'],
    ['an admin promotes a member to owner', admin, holding('member'), holding('owner'), 'rank_too_low'],
    ['an admin demotes an admin', admin, holding('admin'), holding('member'), undefined],
    ['an owner demotes an owner', owner, holding('owner'), holding('member'), undefined],
    ['an admin gives a permission they hold', admin, undefined, holding('member', [], ['read']), undefined],
    ['an admin gives one they do not', admin, undefined, holding('member', [], ['write']), 'permission_not_held'],
    [
      'an admin leaves one they do not hold',
      admin,
      holding('member', [], ['write']),
      holding('admin', [], ['write']),
      undefined,
    ],
    ['an admin takes one they do not hold', admin, holding('member', [], ['write']), holding('member'), undefined],
    ['an owner gives any permission', owner, undefined, holding('member', [], ['write']), undefined],
    ['the tenant makes an owner with anything', TENANT, undefined, holding('owner', [clerk], ['any']), undefined],
  ])('%s', (_what, standing, before, after, refusal) => {
    const change = { userId: someone, after, ...(before ? { before } : {}) };
    expect(refusalOfChange(standing, standing.permissions, change)).toBe(refusal);
  });

  it('an admin gives what a custom role up to their rank carries', () =>
    expect(
      refusalOfChange(admin, new Set(['read', 'carried']), {
        userId: someone,
        after: holding('member', [], ['carried']),
      }),
    ).toBeUndefined());
});

describe('nobody raises themselves, not even by what they could give to others', () => {
  const self = holding('admin', [], ['read']);
  it.each<[string, Standing, Holding, Holding, Refusal | undefined]>([
    [
      'an admin a custom role of their rank',
      admin,
      self,
      holding('admin', [custom(40, 'x')], ['read']),
      'raises_oneself',
    ],
    [
      'an admin a permission that others may be given',
      admin,
      self,
      holding('admin', [], ['read', 'carried']),
      'raises_oneself',
    ],
    ['an admin to owner', admin, self, holding('owner'), 'rank_too_low'],
    ['an admin steps down', admin, self, holding('member', [], ['read']), undefined],
    ['an owner, who has everything', owner, holding('owner'), holding('owner', [clerk], ['x']), undefined],
  ])('%s', (_what, standing, before, after, refusal) =>
    expect(
      refusalOfChange(standing, standing.permissions === 'all' ? 'all' : new Set(['read', 'carried']), {
        userId: String(standing.userId),
        before,
        after,
      }),
    ).toBe(refusal),
  );
});

describe('a custom role is made and changed up to one’s own rank, with what one may give', () => {
  it.each<[string, Standing, CustomRole | undefined, CustomRole, Refusal | undefined]>([
    ['an admin makes one of their rank', admin, undefined, custom(50, 'read'), undefined],
    ['an admin makes one above', admin, undefined, custom(51), 'rank_too_low'],
    ['an admin lowers one above', admin, clerk, custom(10), 'rank_too_low'],
    ['an admin raises one above themselves', admin, custom(10), custom(60), 'rank_too_low'],
    ['an admin puts in what they may not give', admin, custom(10), custom(10, 'write'), 'permission_not_held'],
    ['an admin changes the one they have', adminWithClerk, clerk, custom(60, 'write', 'read'), 'raises_oneself'],
    ['an admin takes something out of the one they have', adminWithClerk, clerk, custom(60), undefined],
    ['an owner makes any', owner, undefined, custom(99, 'everything'), undefined],
  ])('%s', (_what, standing, before, after, refusal) => {
    const grantable = standing.permissions === 'all' ? ('all' as const) : new Set(['read', ...standing.permissions]);
    expect(refusalOfRole(standing, grantable, { after, ...(before ? { before } : {}) })).toBe(refusal);
  });
});

describe('a change of a custom role takes something from whoever has it', () => {
  it.each<[string, CustomRole, boolean]>([
    ['one permission less', custom(10, 'read'), true],
    ['another one', custom(10, 'read', 'other'), true],
    ['a higher rank', custom(11, 'read', 'write'), true],
    ['a lower rank', custom(9, 'read', 'write'), true],
    ['one permission more', custom(10, 'write', 'read', 'other'), false],
    ['nothing', custom(10, 'write', 'read'), false],
  ])('%s', (_what, after, expected) => expect(takesFrom(custom(10, 'read', 'write'), after)).toBe(expected));
});
