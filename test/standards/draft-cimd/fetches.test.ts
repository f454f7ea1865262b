import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { limits } from '../../../config/protocol.js';
import { authorizationUrl, pkce } from '../../support/party.js';
import { startServer, type TestServer } from '../../support/server.js';

const byAddress = limits.documentFetches.points;
const redirectUri = 'https://tool.example/cb';

describe('how many documents are fetched (OAuth Client ID Metadata Document §6.5)', () => {
  let server: TestServer;
  let fetched = 0;
  /** What is known here, beside which nothing is found. */
  const known = 'https://tool.example/known';
  const answer = () => Response.json({ client_id: known, client_name: 'Tool', redirect_uris: [redirectUri] });

  beforeAll(async () => {
    server = await startServer({ overrides: { limits: { documentHostFetches: { points: 3, seconds: 600 } } } });
    server.services.egress.fetch = async (url) => {
      fetched += 1;
      return String(url) === known ? answer() : new Response('', { status: 404 });
    };
    const tenant = await server.services.tenants.find('default');
    await server.services.tenants.update(tenant, {
      settings: { protocol: { client_id_metadata_documents: { hosts: ['*'] } } },
    });
  }, 180_000);
  afterAll(() => server?.close());

  const ask = async (clientId: string, issuer = server.issuer) => {
    const url = authorizationUrl({ ...server, issuer }, { clientId, clientSecret: '', redirectUri }, pkce());
    return (await fetch(url, { redirect: 'manual' })).status;
  };
  /** What was read holds no longer. */
  const expire = (clientId: string) =>
    server.inside(async ({ db, invalidation, tenants }) => {
      await db.manager.query(`UPDATE clients SET document_expires_at = now() - interval '1 s' WHERE client_id = $1`, [
        clientId,
      ]);
      await invalidation.publish('client', `${(await tenants.find('default')).id}:${clientId}`);
    });

  it('so many from one host and no more, and another host is not held up', async () => {
    for (let time = 0; time < 6; time += 1) expect(await ask(`https://victim.example/${time}`)).toBe(400);
    expect(fetched).toBe(3);
    expect(await ask('https://other.example/client')).toBe(400);
    expect(fetched).toBe(4);
  });

  it('who has used them up for a host has not for the client of it that is known (§4.4), nor at another tenant', async () => {
    expect(await ask(known)).toBe(303);
    for (let time = 0; time < 4; time += 1) await ask(`https://tool.example/${time}`);
    await expire(known);
    const before = fetched;
    expect([await ask(known), fetched]).toEqual([303, before]);
    const { tenants } = server.services;
    const settings = { protocol: { client_id_metadata_documents: { hosts: ['*'] } } };
    const other = await tenants.create({ slug: 'other', name: 'Other', settings });
    expect([await ask(known, tenants.issuerOf(other)), fetched]).toEqual([303, before + 1]);
  });

  it('who has used them up for an address at one tenant has not at another', async () => {
    const { tenants } = server.services;
    const settings = { protocol: { client_id_metadata_documents: { hosts: ['*'] } } };
    const [one, two] = await Promise.all(
      ['address-one', 'address-two'].map((slug) => tenants.create({ slug, name: slug, settings })),
    );
    const [here, there] = [tenants.issuerOf(one as never), tenants.issuerOf(two as never)];
    const before = fetched;
    for (let time = 0; time < byAddress + 2; time += 1) await ask(`https://host-${time}.example/client`, here);
    expect(fetched).toBe(before + byAddress);
    await ask('https://last.example/client', there);
    expect(fetched).toBe(before + byAddress + 1);
  });

  it('asks a host that is silent once, and not for each request of its client', async () => {
    const silent = 'https://silent.example/client';
    const said = { client_id: silent, client_name: 'Tool', redirect_uris: [redirectUri] };
    let status = 200;
    server.services.egress.fetch = async () => {
      fetched += 1;
      return status === 200 ? Response.json(said) : new Response('', { status });
    };
    expect(await ask(silent)).toBe(303);
    await expire(silent);
    status = 503;
    const before = fetched;
    for (let time = 0; time < 5; time += 1) expect(await ask(silent)).toBe(303);
    expect(fetched).toBe(before + 1);
  });

  it('nothing is fetched of which a document says that it is to be fetched with every request', async () => {
    const urls: string[] = [];
    const clientId = 'https://pairwise.example/client';
    server.services.egress.fetch = async (url) => {
      urls.push(String(url));
      return Response.json(
        String(url) === clientId
          ? {
              client_id: clientId,
              client_name: 'Tool',
              redirect_uris: [redirectUri],
              subject_type: 'pairwise',
              sector_identifier_uri: 'https://third.example/big',
            }
          : [redirectUri],
      );
    };
    for (let time = 0; time < 2; time += 1) expect(await ask(clientId)).toBe(400);
    expect(urls.filter((url) => url !== clientId)).toEqual([]);
  });
});
