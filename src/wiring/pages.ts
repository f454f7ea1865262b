// Pages, and what they wear: the tenant's, and where somebody signs in for an organization, that one's.
import type { Context } from 'koa';
import { logoAddress } from '../features/branding/branding.schema.js';
import { coloursOf, type Dressed, worn } from '../features/tenants/branding.js';
import type { FrontState } from '../front.js';
import { brandStylesheet } from '../platform/brand-styles.js';
import { currentContext, withContext } from '../platform/context.js';
import { Pages } from '../platform/page.js';
import { paletteOf } from '../platform/palette.js';
import type { Page } from '../platform/views.js';
import type { Services } from '../services.js';

export function openPages({ views, tenants, organizationBrands }: Services): Pages {
  return new Pages(views, async (ctx, organization) => {
    const state = ctx.state as Partial<FrontState>;
    // A refusal is rendered after the tenant's context has ended, or before anybody knew which tenant it was.
    const tenantId = currentContext()?.tenantId ?? state.tenant?.id;
    const tenant = tenantId ? await tenants.findById(tenantId) : undefined;
    if (!tenantId || !tenant) return { brand: { name: 'Ostiary' } };
    const own = organization && (await withContext({ tenantId }, () => organizationBrands.find(organization)));
    return { brand: brandOf(own ? worn(tenant.dressed, own) : tenant.dressed, prefixOf(ctx)) };
  });
}

function brandOf({ name, branding, logo }: Dressed, prefix: string): Page['brand'] {
  const address = logo ? logoAddress(prefix, logo) : branding.logo_uri;
  const palette = paletteOf(coloursOf(branding));
  return {
    name,
    ...(address ? { logo_uri: address } : {}),
    ...(palette ? { stylesheet: brandStylesheet(palette) } : {}),
  };
}

const prefixOf = ({ state }: Context): string => (state as Partial<FrontState>).prefix ?? '';
