import { describe, expect, it } from '@jest/globals';
import { addressOf, networkOf } from '../../../src/platform/network.js';

describe('where an address lies', () => {
  it.each([
    ['198.51.100.7', '198.51.100.0/24', '198.51.100.7'],
    ['::ffff:198.51.100.7', '198.51.100.0/24', '198.51.100.7'],
    ['2001:db8:1:2::3', '2001:db8:1::/48', '2001:db8:1:2::3'],
    ['2001:0DB8:0001:0002:0:0:0:3', '2001:db8:1::/48', '2001:db8:1:2::3'],
    ['::1', '0:0:0::/48', '::1'],
    ['unknown', undefined, undefined],
    ['', undefined, undefined],
    [undefined, undefined, undefined],
    [null, undefined, undefined],
  ])('%s', (ip, network, address) => {
    expect(networkOf(ip)).toBe(network);
    expect(addressOf(ip)).toBe(address);
  });
});
