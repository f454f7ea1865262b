// How often somebody may bring what is not believed: whoever brings it shuts nobody out but themselves.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Connection } from '../../src/features/connections/connection.entity.js';
import { postForm, SamlParty } from '../support/saml/house.js';
import { logoutRequestXml } from '../support/saml/messages.js';
import { redirected } from '../support/saml/sign.js';
import { UpstreamHouse } from '../support/upstream/house.js';

const points = 3;
const limits = { federationFailures: { points, seconds: 600 } };
let house: UpstreamHouse;

beforeAll(async () => {
  house = await UpstreamHouse.open({ overrides: { limits: limits as never } });
}, 60_000);
afterAll(() => house?.close());
beforeEach(() => house.provider.behave());

const get = (url: string) => fetch(url, { redirect: 'manual', headers: { accept: 'text/html' } });
const more = async (times: number, work: () => Promise<{ status: number }>) => {
  const statuses = [];
  for (let time = 0; time < times; time += 1) statuses.push((await work()).status);
  return statuses;
};
const tooMany = [...Array(points).fill(400), 429, 429];

const callback = ({ id }: Pick<Connection, 'id'>) => `${house.server.issuer}/federation/${id}/callback?state=made-up`;
const tell = (logout_token: string, { id }: Pick<Connection, 'id'> = house.connection) =>
  fetch(`${house.server.issuer}/federation/${id}/backchannel-logout`, {
    method: 'POST',
    body: new URLSearchParams({ logout_token }),
  });

describe('answers of OpenID providers', () => {
  it('for a connection that is none: no page, however often, and nobody is shut out', async () => {
    const nobody = { id: randomUUID() };
    expect(new Set(await more(points + 2, () => get(callback(nobody))))).toEqual(new Set([404]));
    expect(new Set(await more(points + 2, () => tell('x', nobody)))).toEqual(new Set([404]));
    expect((await house.goAround()).status).toBe(303);
  });

  it('that nobody has asked for are slowed down; those that somebody waits for come through, here and at other connections', async () => {
    const [one, other] = [await house.connect(), await house.connect()];
    expect(await more(points + 2, () => get(callback(one)))).toEqual(tooMany);
    expect((await house.goAround({}, one)).status).toBe(303);
    expect((await get(callback(other))).status).toBe(400);
  });

  it('that were asked for and are wrong are slowed down, too; those that were good do not count', async () => {
    const one = await house.connect();
    expect(await more(points + 2, () => house.goAround({}, one))).toEqual(Array(points + 2).fill(303));
    house.provider.manners.idToken = (claims) => Object.assign(claims, { nonce: 'another' });
    expect(await more(points + 2, () => house.goAround({}, one))).toEqual(tooMany);
  });

  it('of somebody who would rather not do not count', async () => {
    const one = await house.connect();
    house.provider.manners.response = (given) => given.set('error', 'access_denied');
    expect(new Set(await more(points + 2, () => house.goAround({}, one)))).toEqual(new Set([400]));
    house.provider.behave();
    expect((await house.goAround({}, one)).status).toBe(303);
  });
});

describe('logout tokens (Back-Channel Logout 1.0 §2.5), of which the service of many customers sends all from one address', () => {
  it('that are good are heard, however many were not', async () => {
    expect(await more(points + 2, () => tell('x'))).toEqual(tooMany);
    const token = await house.provider.logoutToken();
    expect((await tell(token)).status).toBe(200);
    expect((await tell(token)).status).toBe(429);
  });
});

describe('messages of SAML', () => {
  let party: SamlParty;
  beforeAll(async () => {
    party = await SamlParty.open(house.server);
  }, 60_000);

  const slo = () => party.addresses.single_logout_service;
  const logout = (name_id: string) => {
    const { entity_id: sp, single_logout_service: acs } = party.addresses;
    const xml = logoutRequestXml({ idp: party.idp.entityId, sp, acs, request_id: null, now: new Date() }, { name_id });
    return `${slo()}?${redirected('SAMLRequest', xml, { key: party.idp.key })}`;
  };

  it('for a connection that is none: no page, however often', async () => {
    const nobody = `${house.server.issuer}/saml/${randomUUID()}`;
    expect(new Set(await more(points + 2, () => get(`${nobody}/slo`)))).toEqual(new Set([404]));
    expect(new Set(await more(points + 2, () => postForm(`${nobody}/acs`, { SAMLResponse: 'x' })))).toEqual(
      new Set([404]),
    );
    expect((await party.signIn()).status).toBe(303);
  });

  it('that say nothing good are slowed down at their own endpoint; answers that somebody waits for come through', async () => {
    expect((await get(logout('nobody'))).status).toBe(303);
    expect(await more(points + 2, () => get(slo()))).toEqual(tooMany);
    expect((await get(logout('nobody'))).status).toBe(429);
    expect(await more(points + 2, () => party.post('x', undefined))).toEqual(tooMany);
    expect((await party.signIn()).status).toBe(303);
    const other = await SamlParty.open(house.server, {}, { idp: party.idp });
    expect((await get(other.addresses.single_logout_service)).status).toBe(400);
  });
});
