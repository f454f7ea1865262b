// How a tenant, or an organization, looks: what is stored of it, which colours are taken, and which of the two is shown.
import { z } from 'zod';
import type { BrandColours } from '../../platform/colours.js';
import { invalid } from '../../platform/errors.js';
import { colourProblems } from '../../platform/palette.js';
import { isPlain } from '../../platform/text.js';

const colour = z.string().regex(/^#[0-9a-fA-F]{6}$/, 'must be a colour such as #1a2b3c');

export const Branding = z.strictObject({
  company_name: z.string().trim().min(1).max(120).optional(),
  logo_uri: z
    .url({ protocol: /^https$/ })
    .max(2048)
    .optional()
    .meta({ description: 'Elsewhere; a logo that was uploaded is shown before it' }),
  primary_color: colour.optional().meta({ description: 'Of buttons and links' }),
  background_color: colour.optional(),
  primary_color_dark: colour.optional().meta({ description: 'Where the page is dark; absent: made of the other one' }),
  background_color_dark: colour.optional(),
});
export type Branding = z.output<typeof Branding>;

export const coloursOf = (branding: Branding): BrandColours => ({
  primary: branding.primary_color,
  background: branding.background_color,
  primaryDark: branding.primary_color_dark,
  backgroundDark: branding.background_color_dark,
});

/**
 * What is stored is read whatever it is; what is new has colours that can be read (WCAG 2.2 §1.4.3), and a name that reads as what it is.
 * @param at where it stands in what was sent, as a JSON pointer. @throws AppError 422 with what was measured.
 */
export function assertReadable(branding: Branding | null | undefined, at = '/settings/branding'): void {
  if (!isPlain(branding?.company_name ?? ''))
    throw invalid('The name cannot be used', [
      { pointer: `${at}/company_name`, message: 'must not hold control characters' },
    ]);
  const problems = branding ? colourProblems(coloursOf(branding)) : [];
  if (problems.length > 0)
    throw invalid(
      'The colours cannot be read',
      problems.map(({ member, message }) => ({ pointer: `${at}/${member}`, message })),
    );
}

/** Somebody who looks like something: a tenant, or one of its organizations. */
export interface Dressed {
  name: string;
  branding: Branding;
  /** The name of the file that was uploaded. */
  logo: string | null;
}

/** An organization's before the tenant's: name, logo and colours each as a whole, so that nobody's colours are mixed with another's. */
export function worn(tenant: Dressed, organization?: Dressed): Dressed {
  if (!organization) return tenant;
  const { branding } = organization;
  const own = hasLogo(organization) ? organization : tenant;
  const { primary_color, background_color, primary_color_dark, background_color_dark } = hasColours(branding)
    ? branding
    : tenant.branding;
  return {
    name: branding.company_name ?? organization.name,
    logo: own.logo,
    branding: {
      logo_uri: own.branding.logo_uri,
      primary_color,
      background_color,
      primary_color_dark,
      background_color_dark,
    },
  };
}

/** Whether there is anything to show: of one without, nobody is told that it is there. */
export const isDressed = ({ branding, logo }: Dressed): boolean => Object.keys(branding).length > 0 || logo !== null;

const hasLogo = ({ branding, logo }: Dressed) => logo !== null || branding.logo_uri !== undefined;

const hasColours = (branding: Branding) => Object.values(coloursOf(branding)).some((colour) => colour !== undefined);
