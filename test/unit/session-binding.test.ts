import { describe, expect, it } from '@jest/globals';
import { homeHere, movedFrom, type Place } from '../../src/features/protocol/session-home.js';
import { chrome, firefox } from '../support/traveller.js';

const home = { ip: '198.51.100.7', userAgent: firefox };
const six = { ip: '2001:db8:1:2::3', userAgent: firefox };
const at = ({ ip, userAgent }: typeof home) => ({ addresses: ip.split(' '), userAgent });

describe('whether a session is where it was signed in', () => {
  it.each<[string, 'off' | 'subnet' | 'strict', typeof home, Place, string[]]>([
    ['at home', 'subnet', home, home, []],
    ['at home, strictly', 'strict', home, home, []],
    ['another address of the network', 'subnet', home, { ...home, ip: '198.51.100.200' }, []],
    ['another address of the network, strictly', 'strict', home, { ...home, ip: '198.51.100.200' }, ['address']],
    ['another network', 'subnet', home, { ...home, ip: '198.51.101.7' }, ['network']],
    ['the same address, written as IPv6', 'strict', home, { ...home, ip: '::ffff:198.51.100.7' }, []],
    ['another subnet of the site', 'subnet', six, { ...six, ip: '2001:db8:1:ffff::9' }, []],
    ['another site', 'subnet', six, { ...six, ip: '2001:db8:2:2::3' }, ['network']],
    ['from IPv4 to IPv6', 'subnet', home, six, ['network']],
    ['the other family, where both are at home', 'subnet', { ...home, ip: `${home.ip} ${six.ip}` }, six, []],
    ['a newer version of the browser', 'strict', home, { ...home, userAgent: firefox.replaceAll('140', '141') }, []],
    ['another browser', 'subnet', home, { ...home, userAgent: chrome }, ['browser']],
    ['no browser at all', 'subnet', home, { ...home, userAgent: undefined }, ['browser']],
    ['everything', 'strict', home, { ip: '203.0.113.9', userAgent: chrome }, ['address', 'browser']],
    ['everything, where it does not matter', 'off', home, { ip: undefined, userAgent: undefined }, []],
    ['an address that cannot be read', 'subnet', home, { ...home, ip: undefined }, ['network']],
    ['neither of which can be read', 'subnet', { ...home, ip: 'unknown' }, { ...home, ip: 'unknown' }, ['network']],
  ])('%s', (_name, binding, from, now, moved) => {
    expect(movedFrom(binding, at(from), now)).toEqual(moved);
  });
});

describe('where a session is at home after a proof', () => {
  it.each<[string, Place, typeof home | undefined, string[]]>([
    ['the first one', home, undefined, [home.ip]],
    ['another address: the old one is none any more', { ...home, ip: '203.0.113.9' }, home, ['203.0.113.9']],
    ['the other family: both', six, home, [six.ip, home.ip]],
    [
      'another of two',
      { ...home, ip: '203.0.113.9' },
      { ...home, ip: `${six.ip} ${home.ip}` },
      ['203.0.113.9', six.ip],
    ],
    ['the other family, of another browser', { ...six, userAgent: chrome }, home, [six.ip]],
    ['in one spelling', { ...home, ip: '::ffff:198.51.100.7' }, undefined, [home.ip]],
    ['what cannot be read', { ...home, ip: 'a b' }, undefined, ['unknown']],
    ['nothing', {}, undefined, ['unknown']],
  ])('%s', (_name, here, before, addresses) => {
    expect(homeHere(here, before && at(before))).toEqual(addresses);
  });
});
