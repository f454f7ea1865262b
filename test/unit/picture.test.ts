import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readPicture } from '../../src/features/branding/picture.js';
import { jpeg, png, webp } from '../support/pictures.js';

const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');

describe('what a logo may be', () => {
  it.each([
    ['a PNG', png(40, 20), { extension: 'png', width: 40, height: 20 }],
    ['a JPEG', jpeg(40, 20), { extension: 'jpg', width: 40, height: 20 }],
    ['a lossy WebP', webp('VP8 ', 40, 20), { extension: 'webp', width: 40, height: 20 }],
    ['a lossless WebP', webp('VP8L', 40, 20), { extension: 'webp', width: 40, height: 20 }],
    ['an extended WebP', webp('VP8X', 40, 20), { extension: 'webp', width: 40, height: 20 }],
  ])('%s', (_what, bytes, expected) => expect(readPicture(bytes)).toEqual(expected));

  it.each([
    ['nothing', Buffer.alloc(0), 'whole'],
    ['an SVG, which can hold scripts', svg, 'whole'],
    ['a GIF', Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00;', 'latin1'), 'whole'],
    ['a page', Buffer.from('<!DOCTYPE html><script>alert(1)</script>'), 'whole'],
    ['a PNG with a page behind it', Buffer.concat([png(4, 4), svg]), 'whole'],
    ['a PNG cut short', png(4, 4).subarray(0, -4), 'whole'],
    ['a JPEG with a page behind it', Buffer.concat([jpeg(4, 4), svg]), 'whole'],
    ['a JPEG without a frame', Buffer.from('ffd8ffe00004ffd9', 'hex'), 'whole'],
    ['a WebP that is longer than it says', Buffer.concat([webp('VP8 ', 4, 4), svg]), 'whole'],
    [
      'a WebP of a kind that is not there',
      Buffer.from(webp('VP8 ', 4, 4).toString('latin1').replace('VP8 ', 'VP9 '), 'latin1'),
      'whole',
    ],
    ['one that is too wide', png(1025, 1), '1025 by 1'],
    ['one that is too high', jpeg(1, 4000), '1 by 4000'],
    ['one without a size', png(0, 0), '0 by 0'],
    ['one of too many bytes', Buffer.concat([png(4, 4), Buffer.alloc(102_400)]), 'bytes'],
  ])('never %s', (_what, bytes, word) => expect(readPicture(bytes)).toEqual(expect.stringContaining(word)));

  it('reads whatever it is shown to an end', () => {
    const begins = [png(4, 4), jpeg(4, 4), webp('VP8 ', 4, 4), webp('VP8X', 4, 4)];
    fc.assert(
      fc.property(fc.constantFrom(...begins), fc.nat(60), fc.uint8Array({ maxLength: 200 }), (whole, kept, rest) => {
        expect(['string', 'object']).toContain(typeof readPicture(Buffer.concat([whole.subarray(0, kept), rest])));
      }),
    );
  });
});
