// The colours that a brand brings to the pages, in the light and in the dark. Whatever was stored, what is shown can be read: a colour that could not is
// moved to the nearest one that can. Hands off to: brand-styles.ts, which makes a stylesheet of them.
import type { BrandColours } from './colours.js';
import { contrast, mix, READABLE, readable } from './contrast.js';

/** As in views/assets/ostiary.css; a test holds them against it. */
export const house = {
  light: { accent: '#0b6b5b', canvas: '#f5f4f0', surface: '#ffffff', soft: '#55605c' },
  dark: { accent: '#74d3bd', canvas: '#101312', surface: '#191d1c', soft: '#a4b0ab' },
} as const;

export interface Shades {
  accent: string;
  canvas: string;
}

export interface Palette {
  light: Shades;
  dark: Shades;
}

type Mode = keyof Palette;

export interface ColourProblem {
  member: 'primary_color' | 'background_color' | 'primary_color_dark' | 'background_color_dark';
  message: string;
}

/** Away from what is behind: text darkens in the light, and what is behind it lightens. */
const away = { light: { accent: '#000000', canvas: '#ffffff' }, dark: { accent: '#ffffff', canvas: '#000000' } };

/** @returns undefined where a brand has no colours of its own. */
export function paletteOf({ primary, background, primaryDark, backgroundDark }: BrandColours): Palette | undefined {
  if (!primary && !background && !primaryDark && !backgroundDark) return undefined;
  return {
    light: shades('light', primary ?? house.light.accent, background ?? house.light.canvas),
    // One colour cannot be read on white and on nearly black: where none is given for the dark, it is the same one, lighter.
    dark: shades('dark', primaryDark ?? primary ?? house.dark.accent, backgroundDark ?? house.dark.canvas),
  };
}

/** What cannot be read, with what was measured. */
export function colourProblems(colours: BrandColours): ColourProblem[] {
  const { primary, background, primaryDark, backgroundDark } = colours;
  return [
    ...canvasProblem('background_color', background, house.light.soft),
    ...canvasProblem('background_color_dark', backgroundDark, house.dark.soft),
    ...accentProblem('primary_color', primary, [house.light.surface, background ?? house.light.canvas]),
    ...accentProblem('primary_color_dark', primaryDark, [house.dark.surface, backgroundDark ?? house.dark.canvas]),
  ];
}

function shades(mode: Mode, accent: string, canvas: string): Shades {
  const behind = readable(canvas.toLowerCase(), [house[mode].soft], away[mode].canvas);
  return { canvas: behind, accent: readable(accent.toLowerCase(), [house[mode].surface, behind], away[mode].accent) };
}

function canvasProblem(member: ColourProblem['member'], colour: string | undefined, text: string): ColourProblem[] {
  return colour && contrast(colour, text) < READABLE ? [problem(member, colour, text, 'the text on it')] : [];
}

function accentProblem(member: ColourProblem['member'], colour: string | undefined, on: string[]): ColourProblem[] {
  if (!colour) return [];
  const [worst = ''] = [...on].sort((a, b) => contrast(colour, a) - contrast(colour, b));
  return contrast(colour, worst) < READABLE ? [problem(member, colour, worst, 'the page behind it')] : [];
}

// Rounded down: what is refused is never said to be enough.
const problem = (member: ColourProblem['member'], one: string, other: string, what: string): ColourProblem => ({
  member,
  message: `has a contrast of ${(Math.floor(contrast(one, other) * 100) / 100).toFixed(2)}:1 with ${what} (${other}); it takes ${READABLE}:1 (WCAG 2.2 §1.4.3)`,
});

/** A touch of the accent, as long as the accent and the soft text can still be read on it. */
export function tint(mode: Mode, accent: string): string {
  const { surface, soft } = house[mode];
  for (let share = mode === 'light' ? 0.1 : 0.16; share > 0; share -= 0.02) {
    const tried = mix(surface, accent, share);
    if (contrast(tried, accent) >= READABLE && contrast(tried, soft) >= READABLE) return tried;
  }
  return surface;
}
