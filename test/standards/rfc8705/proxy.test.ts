// RFC 8705 §6.5, RFC 9440: TLS ends at a proxy, which says in a header whose certificate it has seen.
import { request as plainRequest } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'undici';
import { CertificateMaker, type ClientCertificate } from '../../support/client-certificates.js';
import { makeClient, type Party } from '../../support/party.js';
import { freePort, startServer, type TestServer } from '../../support/server.js';

const maker = new CertificateMaker();
const mine = maker.selfSigned({ names: 'DNS:client.example' });
const other = maker.selfSigned({ names: 'DNS:client.example' });
const escaped = ({ cert }: ClientCertificate) => encodeURIComponent(cert);
const issuer = 'https://id.example.com';
const origin = 'https://mtls.id.example.com';
const refused = [401, 'invalid_client'];

interface House {
  server: TestServer;
  port: number;
  selfSigned: Party;
  vouched: Party;
}

async function open(environment: Record<string, string>): Promise<House> {
  const port = await freePort();
  const server = await startServer({
    environment: { ISSUER: issuer, PORT: String(port), MTLS_ORIGIN: origin, TRUST_PROXY: '127.0.0.1', ...environment },
  });
  const machine = { grant_types: ['client_credentials'], response_types: [], redirect_uris: undefined };
  return {
    server,
    port,
    selfSigned: await makeClient(server, {
      ...machine,
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [mine.jwk] },
    }),
    vouched: await makeClient(server, {
      ...machine,
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'client.example',
    }),
  };
}

async function ask(
  { port }: House,
  party: Party,
  headers: Record<string, string | string[]>,
  host = new URL(origin).host,
): Promise<unknown[]> {
  const form = { grant_type: 'client_credentials', client_id: party.clientId };
  const answer = await request(`http://127.0.0.1:${port}/token`, {
    method: 'POST',
    headers: { host, 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: String(new URLSearchParams(form)),
  });
  const body = (await answer.body.json()) as { error?: string };
  return [answer.statusCode, body.error];
}

afterAll(() => maker.remove());

describe('Client-Cert (RFC 9440)', () => {
  let house: House;
  beforeAll(async () => {
    house = await open({ MTLS_HEADER: 'Client-Cert', MTLS_VERIFIED_HEADER: 'X-Client-Verify' });
  }, 180_000);
  afterAll(() => house?.server.close());

  it('is the certificate of the client, as a byte sequence (§2.2)', async () => {
    expect(await ask(house, house.selfSigned, { 'client-cert': mine.header })).toEqual([200, undefined]);
    expect(await ask(house, house.selfSigned, { 'client-cert': other.header })).toEqual(refused);
    expect(await ask(house, house.selfSigned, {})).toEqual(refused);
  });

  it('counts at the address of certificates alone: at others a proxy may let pass what anybody sent', async () => {
    const headers = { 'client-cert': mine.header, 'x-client-verify': 'SUCCESS' };
    expect(await ask(house, house.selfSigned, headers, new URL(issuer).host)).toEqual(refused);
    expect(await ask(house, house.vouched, headers, new URL(issuer).host)).toEqual(refused);
  });

  it('is not believed where the target names the address of certificates and Host another (RFC 9112 §3.2.2)', async () => {
    const through = (host: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = plainRequest(
          {
            host: '127.0.0.1',
            port: house.port,
            method: 'POST',
            path: `${origin}/token`,
            headers: { host, 'client-cert': mine.header, 'content-type': 'application/x-www-form-urlencoded' },
          },
          (answer) => {
            answer.resume();
            resolve(answer.statusCode);
          },
        );
        sent.once('error', reject);
        sent.end(
          String(new URLSearchParams({ grant_type: 'client_credentials', client_id: house.selfSigned.clientId })),
        );
      });
    expect(await through(new URL(origin).host)).toBe(200);
    expect(await through(new URL(issuer).host)).toBe(400);
  });

  it.each([
    ['twice', [mine.header, other.header]],
    ['as a list', `${mine.header}, ${mine.header}`],
    ['in another form', mine.header.slice(1, -1)],
    ['as PEM', escaped(mine)],
    ['with something behind it', `:${Buffer.concat([mine.parsed.raw, Buffer.from('x')]).toString('base64')}:`],
    ['empty', ''],
    ['as no certificate', ':AAAA:'],
  ])('is nobody’s %s', async (_how, value) => {
    expect(await ask(house, house.selfSigned, { 'client-cert': value })).toEqual(refused);
  });

  it.each([
    [{ 'x-client-verify': 'SUCCESS' }, [200, undefined]],
    [{}, refused],
    [{ 'x-client-verify': 'FAILED:unable to verify the first certificate' }, refused],
    [{ 'x-client-verify': 'NONE' }, refused],
    [{ 'x-client-verify': ['SUCCESS', 'SUCCESS'] }, refused],
  ])('an authority vouches for it where the proxy says so: %j', async (said, expected) => {
    expect(await ask(house, house.vouched, { 'client-cert': mine.header, ...said })).toEqual(expected);
  });
});

describe('a header of another name', () => {
  let house: House;
  beforeAll(async () => {
    house = await open({ MTLS_HEADER: 'X-SSL-Client-Cert' });
  }, 180_000);
  afterAll(() => house?.server.close());

  it('is the certificate as PEM in percent-encoding', async () => {
    expect(await ask(house, house.selfSigned, { 'x-ssl-client-cert': escaped(mine) })).toEqual([200, undefined]);
    expect(await ask(house, house.selfSigned, { 'x-ssl-client-cert': escaped(other) })).toEqual(refused);
    const both = encodeURIComponent(`${mine.cert}${other.cert}`);
    expect(await ask(house, house.selfSigned, { 'x-ssl-client-cert': both })).toEqual(refused);
  });

  it('nobody vouches where no header says so, whatever is sent', async () => {
    const headers = { 'x-ssl-client-cert': escaped(mine), 'x-client-verify': 'SUCCESS' };
    expect(await ask(house, house.vouched, headers)).toEqual(refused);
  });
});

describe('a sender that is no proxy of ours', () => {
  let house: House;
  beforeAll(async () => {
    house = await open({
      MTLS_HEADER: 'Client-Cert',
      MTLS_VERIFIED_HEADER: 'X-Client-Verify',
      TRUST_PROXY: '10.0.0.1',
    });
  }, 180_000);
  afterAll(() => house?.server.close());

  it('is not believed, whatever it says of a certificate', async () => {
    const headers = { 'client-cert': mine.header, 'x-client-verify': 'SUCCESS', 'x-forwarded-for': '10.0.0.1' };
    expect(await ask(house, house.selfSigned, headers)).toEqual(refused);
    expect(await ask(house, house.vouched, headers)).toEqual(refused);
  });
});
