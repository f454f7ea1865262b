// What samples of pages are made of: an application, a person, and where their forms lead.

export interface Sample {
  /** File name of the preview. */
  name: string;
  template: string;
  data: object;
}

export function page(template: string, state: string, data: object): Sample {
  return { name: `${template.replaceAll('/', '.')}.${state}`, template, data };
}

export const client = {
  name: 'Trip Planner',
  host: 'trips.example.com',
  logo_uri: `data:image/svg+xml,${encodeURIComponent('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path fill="#c2410c" d="M0 0h8v8H0z"/></svg>')}`,
  policy_uri: 'https://trips.example.com/privacy',
  tos_uri: 'https://trips.example.com/terms',
};
export const at = '/interaction/6uM0';
export const actions = {
  submit: `${at}/login`,
  cancel: `${at}/cancel`,
  back: `${at}/identifier`,
  restart: '/authorize?again',
  code: at,
  recovery: `${at}?with=recovery_code`,
};
export const account = { email: 'maria@acme.example', initials: 'MS' };
export const username = account.email;
export const long = 'maria.antonia.von.hohenlohe-langenburg+travel@subsidiary.international.example.com';
export const totp = {
  secret: 'JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP',
  qr: '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 29 29"><path fill="#ffffff" d="M0 0h29v29H0z"/><path stroke="#000000" d="M2 2.5h7m1 0h9m1 0h7"/></svg>',
  offer: 'v1.sealed',
};
export const codes = Array.from({ length: 10 }, (_, index) => `7K2M-9QXD-3T${index}V`);
