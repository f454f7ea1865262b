import { describe, expect, it } from '@jest/globals';
import type { Proof } from '../../src/features/authentication/assurance.js';
import { organizationsOf, ownProofs } from '../../src/features/authentication/own-proof.js';

const at = 1_900_000_000;
const acme = '0190f0f0-0000-7000-8000-00000000000a';
const other = '0190f0f0-0000-7000-8000-00000000000b';
const connection = '0190f0f0-0000-7000-8000-0000000000cc';
const pwd: Proof = { method: 'password', at };
const ofTenant: Proof = { method: 'connection', at, connection };
const ofAcme: Proof = { method: 'connection', at, connection, organization: acme };

describe('which proofs count for what is the account’s own', () => {
  it.each<[string, Proof[], string[], Proof[]]>([
    ['what the person proved', [pwd], [], [pwd]],
    ['what a connection of the tenant says', [ofTenant], [], [ofTenant]],
    ['what a connection of an organization says whose domain holds the address', [ofAcme], [acme], [ofAcme]],
    ['not that of an organization that is a stranger to the account', [ofAcme, pwd], [], [pwd]],
    ['not that of an organization because another speaks for the account', [ofAcme], [other], []],
    ['nothing where nothing was proved', [], [acme], []],
  ])('%s', (_name, proofs, speaking, counted) => {
    expect(ownProofs(proofs, new Set(speaking))).toEqual(counted);
  });

  it('asks about each organization once, and about nobody where none has a say', () => {
    expect(organizationsOf([pwd, ofAcme, ofTenant, ofAcme])).toEqual([acme]);
    expect(organizationsOf([pwd, ofTenant])).toEqual([]);
  });
});
