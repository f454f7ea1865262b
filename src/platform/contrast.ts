// Whether colours can be told apart (WCAG 2.2), and how they are mixed. All are #rrggbb.
import { luminance } from './colours.js';

/** WCAG 2.2 §1.4.3: of text that is not large. */
export const READABLE = 4.5;

/** From 1 to 21. */
export function contrast(one: string, other: string): number {
  const [darker = 0, lighter = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** @param share of the second colour, 0 to 1. */
export function mix(one: string, other: string, share: number): string {
  const parts = [1, 3, 5].map((at) => {
    const [from, to] = [one, other].map((hex) => Number.parseInt(hex.slice(at, at + 2), 16)) as [number, number];
    return Math.round(from + (to - from) * share)
      .toString(16)
      .padStart(2, '0');
  });
  return `#${parts.join('')}`;
}

/** The colour itself where it can be read on, or under, all of these; else the nearest to it on the way to the other one that can. */
export function readable(colour: string, against: readonly string[], towards: string): string {
  for (let share = 0; share < 1; share += 0.02) {
    const tried = mix(colour, towards, share);
    if (against.every((one) => contrast(tried, one) >= READABLE)) return tried;
  }
  return towards;
}
