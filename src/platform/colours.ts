// The colours of a letter: those of the brand where they are colours, with a label that can be read on them.

export interface BrandColours {
  /** As #rrggbb. */
  primary?: string | undefined;
  background?: string | undefined;
  /** Where the page is dark. */
  primaryDark?: string | undefined;
  backgroundDark?: string | undefined;
}

interface LetterColours {
  page: string;
  button: string;
  label: string;
}

/** What is not #rrggbb never reaches a style. */
export function letterColours({ primary, background }: BrandColours = {}): LetterColours {
  const button = colour(primary) ?? '#0b6b5b';
  return { page: colour(background) ?? '#f5f4f0', button, label: labelOn(button) };
}

const colour = (value: string | undefined) => (value && /^#[0-9a-f]{6}$/i.test(value) ? value : undefined);

/** White or nearly black, whichever has more contrast (WCAG 2.2 §1.4.3): at least 4.5:1 on any colour. */
export function labelOn(background: string): string {
  const light = luminance(background);
  return 1.05 / (light + 0.05) >= (light + 0.05) / 0.05 ? '#ffffff' : '#000000';
}

/** Relative luminance (WCAG 2.2). */
export function luminance(hex: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
