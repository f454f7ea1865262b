import { describe, expect, it } from '@jest/globals';
import { addressOf, browserFamily, networkOf } from '../../../src/platform/network.js';
import { chrome, firefox } from '../../support/traveller.js';

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

describe('which browser it is', () => {
  it.each([
    [firefox, 'firefox'],
    [firefox.replaceAll('140', '155'), 'firefox'],
    [chrome, 'chrome'],
    [`${chrome} Edg/141.0.0.0`, 'edge'],
    [`${chrome} OPR/120.0.0.0`, 'opera'],
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1', 'safari'],
    ['Mozilla/5.0 (iPhone) AppleWebKit/605.1.15 CriOS/141.0 Mobile/15E148 Safari/604.1', 'chrome'],
    ['Mozilla/5.0 (Linux; Android 15) Chrome/136.0 SamsungBrowser/28.0 Mobile Safari/537.36', 'samsung'],
    ['curl/8.5.0', 'other'],
    ['', 'other'],
    [undefined, 'other'],
    [null, 'other'],
  ])('%s', (userAgent, family) => {
    expect(browserFamily(userAgent)).toBe(family);
  });
});
