import { z } from 'zod';
import { patchOf } from '../../platform/merge-patch.js';
import { type Palette, paletteOf } from '../../platform/palette.js';
import { Branding, coloursOf, type Dressed } from '../tenants/branding.js';

/** RFC 7396: null takes a member away. */
export const UpdateBranding = patchOf(Branding);
export type UpdateBranding = z.output<typeof UpdateBranding>;

export const PutLogo = z.strictObject({
  image: z
    .base64()
    .min(4)
    .meta({ description: 'A PNG, JPEG or WebP of at most 100 KB and 1024 by 1024 pixels, in base64' }),
});

const shades = z.object({ accent: z.string(), canvas: z.string() });

export const BrandingView = z
  .object({
    ...Branding.shape,
    logo: z.string().nullable().meta({ description: 'Where the logo lies that was uploaded' }),
    shown: z
      .object({
        name: z.string(),
        logo_uri: z.string().nullable(),
        colours: z.object({ light: shades, dark: shades }).nullable().meta({ description: 'null: those of the house' }),
      })
      .meta({ description: 'What the pages show' }),
    updated_at: z.iso.datetime(),
    version: z.int(),
  })
  .meta({ id: 'Branding' });

interface Versioned {
  version: number;
  updatedAt: Date;
}

/** @param own what was set. @param shown what is worn. @param issuer below which logos lie. */
export const present = (own: Dressed & Versioned, shown: Dressed, issuer: string) => ({
  ...own.branding,
  logo: own.logo && logoAddress(issuer, own.logo),
  shown: {
    name: shown.name,
    logo_uri: shown.logo ? logoAddress(issuer, shown.logo) : (shown.branding.logo_uri ?? null),
    colours: paletteOf(coloursOf(shown.branding)) ?? null,
  } satisfies { name: string; logo_uri: string | null; colours: Palette | null },
  updated_at: own.updatedAt.toISOString(),
  version: own.version,
});

/** @param base an issuer, or what stands before the paths of its pages. */
export const logoAddress = (base: string, file: string): string => `${base}/brand/${file}`;
