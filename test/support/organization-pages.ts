// Every page and form of one organization within the account, below its address, and the lowest role of whoever opens or sends it.
type Lowest = 'member' | 'admin' | 'owner';

export const organizationPages: readonly (readonly [string, Lowest])[] = [
  ['', 'member'],
  ['/leave', 'member'],
  ['/members', 'member'],
  ['/members/:user_id', 'admin'],
  ['/invitations', 'admin'],
  ['/teams', 'member'],
  ['/teams/:team_id', 'member'],
  ['/roles', 'admin'],
  ['/roles/:role_id', 'admin'],
  ['/domains', 'admin'],
  ['/policy', 'admin'],
  ['/settings', 'admin'],
  ['/delete', 'owner'],
];

export const organizationForms: readonly (readonly [string, Lowest])[] = [
  ['/leave', 'member'],
  ['/members/:user_id', 'admin'],
  ['/members/:user_id/teams', 'admin'],
  ['/members/:user_id/suspend', 'admin'],
  ['/members/:user_id/resume', 'admin'],
  ['/members/:user_id/remove', 'admin'],
  ['/invitations', 'admin'],
  ['/invitations/:invitation_id/resend', 'admin'],
  ['/invitations/:invitation_id/cancel', 'admin'],
  ['/teams', 'admin'],
  ['/teams/:team_id', 'admin'],
  ['/teams/:team_id/delete', 'admin'],
  ['/roles', 'admin'],
  ['/roles/:role_id', 'admin'],
  ['/roles/:role_id/delete', 'admin'],
  ['/domains', 'admin'],
  ['/domains/:domain_id/verify', 'admin'],
  ['/domains/:domain_id/joining', 'admin'],
  ['/domains/:domain_id/remove', 'admin'],
  ['/policy', 'admin'],
  ['/settings', 'admin'],
  ['/delete', 'owner'],
];

export const routeOf = (page: string): string => `/account/organizations/:organization${page}`;
