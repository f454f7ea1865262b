// Every page and form of one organization within the account, below its address, and the lowest role of whoever opens or sends it.
type Lowest = 'member' | 'admin' | 'owner';

export const organizationPages: readonly (readonly [string, Lowest])[] = [
  ['', 'member'],
  ['/leave', 'member'],
  ['/members', 'member'],
  ['/members/:user_id', 'admin'],
  ['/policy', 'admin'],
  ['/settings', 'admin'],
  ['/delete', 'owner'],
];

export const organizationForms: readonly (readonly [string, Lowest])[] = [
  ['/leave', 'member'],
  ['/members/:user_id', 'admin'],
  ['/members/:user_id/suspend', 'admin'],
  ['/members/:user_id/resume', 'admin'],
  ['/members/:user_id/remove', 'admin'],
  ['/policy', 'admin'],
  ['/settings', 'admin'],
  ['/delete', 'owner'],
];

export const routeOf = (page: string): string => `/account/organizations/:organization${page}`;
