import { describe, expect, it } from '@jest/globals';
import { movedFrom, type Place } from '../../src/features/protocol/session-binding.js';
import { chrome, firefox } from '../support/traveller.js';

const home: Place = { ip: '198.51.100.7', userAgent: firefox };
const six: Place = { ip: '2001:db8:1:2::3', userAgent: firefox };

describe('whether a session is where it was signed in', () => {
  it.each<[string, 'off' | 'subnet' | 'strict', Place, Place, string[]]>([
    ['at home', 'subnet', home, home, []],
    ['at home, strictly', 'strict', home, home, []],
    ['another address of the network', 'subnet', home, { ...home, ip: '198.51.100.200' }, []],
    ['another address of the network, strictly', 'strict', home, { ...home, ip: '198.51.100.200' }, ['address']],
    ['another network', 'subnet', home, { ...home, ip: '198.51.101.7' }, ['network']],
    ['the same address, written as IPv6', 'strict', home, { ...home, ip: '::ffff:198.51.100.7' }, []],
    ['another subnet of the site', 'subnet', six, { ...six, ip: '2001:db8:1:ffff::9' }, []],
    ['another site', 'subnet', six, { ...six, ip: '2001:db8:2:2::3' }, ['network']],
    ['from IPv4 to IPv6', 'subnet', home, six, ['network']],
    ['a newer version of the browser', 'strict', home, { ...home, userAgent: firefox.replaceAll('140', '141') }, []],
    ['another browser', 'subnet', home, { ...home, userAgent: chrome }, ['browser']],
    ['no browser at all', 'subnet', home, { ...home, userAgent: undefined }, ['browser']],
    ['everything', 'strict', home, { ip: '203.0.113.9', userAgent: chrome }, ['address', 'browser']],
    ['everything, where it does not matter', 'off', home, { ip: undefined, userAgent: undefined }, []],
    ['an address that cannot be read', 'subnet', home, { ...home, ip: undefined }, ['network']],
    ['neither of which can be read', 'subnet', { ...home, ip: 'unknown' }, { ...home, ip: 'unknown' }, ['network']],
  ])('%s', (_name, binding, from, now, moved) => {
    expect(movedFrom(binding, from, now)).toEqual(moved);
  });
});
