// What a browser holds to be recognised: one random value for each account, the latest first, in one cookie for each tenant. Pure.

/** More accounts than this in one browser are recognised no longer. */
export const MOST_HANDLES = 5;

/** Below all paths: with __Host- (RFC 6265bis §4.1.3.2) no other host of the domain can set it. */
export const handlesCookie = (tenantId: string, secure: boolean): string =>
  `${secure ? '__Host-' : ''}ostiary_device_${tenantId.replaceAll('-', '')}`;

export const readHandles = (value: string | undefined): string[] =>
  (value ?? '')
    .split('.')
    .filter((handle) => /^[A-Za-z0-9_-]{43}$/.test(handle))
    .slice(0, MOST_HANDLES);
