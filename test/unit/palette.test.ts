import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { projectRoot } from '../../config/root.js';
import { brandStylesheet, stylesheet } from '../../src/platform/brand-styles.js';
import { contrast, READABLE } from '../../src/platform/contrast.js';
import { colourProblems, house, paletteOf, tint } from '../../src/platform/palette.js';

const hex = fc.integer({ min: 0, max: 0xffffff }).map((n) => `#${n.toString(16).padStart(6, '0')}`);
const some = fc.option(hex, { nil: undefined });

describe('the colours of a brand (WCAG 2.2 §1.4.3)', () => {
  it.each([
    ['#000000', '#ffffff', 21],
    ['#ffffff', '#ffffff', 1],
    ['#777777', '#ffffff', 4.48],
    ['#767676', '#ffffff', 4.54],
  ])('%s on %s has a contrast of %d', (one, other, expected) => {
    expect(contrast(one, other)).toBeCloseTo(expected, 2);
    expect(contrast(other, one)).toBe(contrast(one, other));
  });

  it.each([
    ['nothing', {}, []],
    [
      'those of the house',
      {
        primary: house.light.accent,
        background: house.light.canvas,
        primaryDark: house.dark.accent,
        backgroundDark: house.dark.canvas,
      },
      [],
    ],
    ['yellow on white', { primary: '#ffdd00' }, ['primary_color']],
    ['what can be read on white, but not on the page behind it', { primary: '#757575' }, ['primary_color']],
    ['navy where it is dark', { primaryDark: '#001f5c' }, ['primary_color_dark']],
    ['a page as dark as its text', { background: '#808080' }, ['background_color']],
    ['a page that is light where it is dark', { backgroundDark: '#dddddd' }, ['background_color_dark']],
    [
      'all of them',
      { primary: '#ffdd00', background: '#333333', primaryDark: '#000000', backgroundDark: '#ffffff' },
      ['background_color', 'background_color_dark', 'primary_color', 'primary_color_dark'],
    ],
  ])('%s', (_what, colours, members) => {
    expect(colourProblems(colours).map(({ member }) => member)).toEqual(members);
  });

  it('says what was measured, and against what', () => {
    expect(colourProblems({ primary: '#ffdd00' })[0]?.message).toBe(
      'has a contrast of 1.22:1 with the page behind it (#f5f4f0); it takes 4.5:1 (WCAG 2.2 §1.4.3)',
    );
  });

  it('whatever was stored, what is shown can be read; what was taken is shown as it is', () => {
    fc.assert(
      fc.property(some, some, some, some, (primary, background, primaryDark, backgroundDark) => {
        const given = { primary, background, primaryDark, backgroundDark };
        const palette = paletteOf(given);
        if (!palette) return expect(Object.values(given).filter(Boolean)).toEqual([]);
        for (const mode of ['light', 'dark'] as const) {
          const { accent, canvas } = palette[mode];
          const { surface, soft } = house[mode];
          const pairs = [
            [accent, surface],
            [accent, canvas],
            [soft, canvas],
            [accent, tint(mode, accent)],
            [soft, tint(mode, accent)],
          ];
          for (const [one = '', other = ''] of pairs) expect(contrast(one, other)).toBeGreaterThanOrEqual(READABLE);
        }
        if (colourProblems(given).length > 0) return;
        if (primary) expect(palette.light.accent).toBe(primary);
        if (background) expect(palette.light.canvas).toBe(background);
        if (primaryDark) expect(palette.dark.accent).toBe(primaryDark);
        if (backgroundDark) expect(palette.dark.canvas).toBe(backgroundDark);
      }),
    );
  });

  it('labels can be read on buttons, pointed at or not', () => {
    fc.assert(
      fc.property(hex, (primary) => {
        const palette = paletteOf({ primary });
        const css = palette ? stylesheet(palette) : '';
        const of = (token: string) =>
          new RegExp(`--${token}: light-dark\\((#\\w+), (#\\w+)\\)`).exec(css)?.slice(1) ?? [];
        for (const mode of [0, 1])
          for (const behind of ['brand-accent', 'brand-accent-strong'])
            expect(contrast(of('brand-on-accent')[mode] ?? '', of(behind)[mode] ?? '')).toBeGreaterThanOrEqual(
              READABLE,
            );
      }),
    );
  });

  it('stand in the address of their stylesheet, and change tokens alone', () => {
    const palette = paletteOf({ primary: '#8A1C5C' });
    if (!palette) throw new Error('no palette');
    expect(brandStylesheet(palette)).toMatch(/^\/assets\/brand\/8a1c5c-f5f4f0-[0-9a-f]{6}-101312\.css$/);
    expect(stylesheet(palette)).toMatch(
      /^:root \{\n( {2}--[a-z-]+: light-dark\(#[0-9a-f]{6}, #[0-9a-f]{6}\);\n)+\}\n$/,
    );
  });

  it('the colours of the house are those of its stylesheet', () => {
    const css = readFileSync(path.join(projectRoot, 'views/assets/ostiary.css'), 'utf8');
    const tokens = {
      accent: 'brand-accent',
      canvas: 'brand-canvas',
      surface: 'brand-surface',
      soft: 'ink-soft',
    } as const;
    for (const [name, token] of Object.entries(tokens) as [keyof typeof tokens, string][])
      expect(css).toContain(`--${token}: light-dark(${house.light[name]}, ${house.dark[name]});`);
  });
});
