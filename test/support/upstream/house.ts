// A server with a connection to an identity provider that does as it is told, and browsers that go there and back.
import { expect } from '@jest/globals';
import { AuditEvent } from '../../../src/features/audit/audit-event.entity.js';
import type { Check } from '../../../src/features/connections/check.js';
import { Connection } from '../../../src/features/connections/connection.entity.js';
import type { Asked, Binding, Held } from '../../../src/features/connections/federated-sign-in.js';
import { newId } from '../../../src/platform/crypto.js';
import { startServer, type TestServer, type TestServerOptions } from '../server.js';
import { UpstreamProvider } from './provider.js';

export interface Visit {
  /** Where the browser was sent. */
  request: URL;
  binding: Binding;
}

export class UpstreamHouse {
  connection!: Connection;

  private constructor(
    readonly server: TestServer,
    readonly provider: UpstreamProvider,
  ) {}

  static async open(options: TestServerOptions = {}): Promise<UpstreamHouse> {
    const provider = await UpstreamProvider.start({ host: '127.0.0.1' });
    const server = await startServer({
      ...options,
      environment: { EGRESS_ALLOW: '127.0.0.1', ...options.environment },
    });
    const house = new UpstreamHouse(server, provider);
    house.connection = await house.connect();
    return house;
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.provider.close();
  }

  /** One more connection, enabled, at the same provider. @param oidc what differs. */
  connect(oidc: Record<string, unknown> = {}, members: Partial<Connection> = {}): Promise<Connection> {
    const { issuer, client } = this.provider;
    const { issuer: _issuer, ...metadata } = this.endpoints();
    const settings = { oidc: { issuer, client_id: client.id, metadata, ...oidc } };
    return this.save({ kind: 'oidc', storedSettings: settings, ...members });
  }

  /** As GitHub is. */
  connectOAuth2(oauth2: Record<string, unknown> = {}): Promise<Connection> {
    const { issuer, client } = this.provider;
    const settings = {
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      userinfo_endpoint: `${issuer}/user`,
      emails_endpoint: `${issuer}/user/emails`,
      client_id: client.id,
      ...oauth2,
    };
    return this.save({ kind: 'oauth2', preset: 'github', storedSettings: { oauth2: settings } });
  }

  save(members: Partial<Connection>, server = this.server): Promise<Connection> {
    return server.inside(async ({ db, clock, connectionSecrets }) => {
      const id = newId();
      const now = clock.now();
      const times = { createdAt: now, updatedAt: now, enabledAt: now };
      const named = { id, key: `idp-${id.slice(-12)}`, displayName: 'Upstream', ...times, ...members };
      const connection = Object.assign(new Connection(), named);
      await db.repo(Connection).insert(connection);
      const found = (await db.repo(Connection).findOneBy({ id })) as Connection;
      found.secretSealed = connectionSecrets.seal(found, this.provider.client.secret);
      await db.repo(Connection).save(found);
      return found;
    });
  }

  /** The browser is sent there. */
  async leave(asked: Partial<Asked> = {}, connection = this.connection, server = this.server): Promise<Visit> {
    const binding: Binding = { kind: 'interaction', id: newId() };
    const back = `/interaction/${binding.id}/federation/callback`;
    const { location } = await server.inside(({ federatedSignIns }) =>
      federatedSignIns.begin(connection, { binding, purpose: 'sign_in', back, ...asked }),
    );
    const answer = await fetch(location, { redirect: 'manual' });
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([303, null]);
    return { request: new URL(answer.headers.get('location') ?? ''), binding };
  }

  /** And comes back with the provider's answer. */
  async comeBack({ request }: Visit): Promise<Response> {
    const { location, form } = await this.provider.visit(request.href);
    return fetch(location, form ? { method: 'POST', body: form, redirect: 'manual' } : { redirect: 'manual' });
  }

  /** There and back. */
  async goAround(asked: Partial<Asked> = {}, connection = this.connection): Promise<Response & { binding: Binding }> {
    const visit = await this.leave(asked, connection);
    return Object.assign(await this.comeBack(visit), { binding: visit.binding });
  }

  /** What is known in the browser that asked. */
  async held(answer: Response & { binding: Binding }): Promise<Held> {
    if (answer.status !== 303) throw new Error(`not believed: ${await answer.text()}`);
    const back = new URL(answer.headers.get('location') ?? '');
    const handle = back.searchParams.get('handle') ?? '';
    return this.server.inside(({ federatedSignIns }) => federatedSignIns.redeem(handle, answer.binding));
  }

  /** Runs work that is refused. @returns the one event and the checks of its trace. */
  async refused(
    work: () => Promise<Response>,
  ): Promise<{ reason: string; trace: string; failed: string[]; checks: Check[] }> {
    const before = await this.refusals();
    const answer = await work();
    const page = await answer.text();
    expect(answer.status).toBe(400);
    expect([answer.headers.get('location'), answer.headers.get('set-cookie')]).toEqual([null, null]);
    const known = new Set(before.map(({ id }) => id));
    const events = (await this.refusals()).filter(({ id }) => !known.has(id));
    expect(events).toHaveLength(1);
    const { reason, trace_id } = (events[0] as AuditEvent).data as { reason: string; trace_id: string };
    if (answer.headers.get('content-type')?.includes('html')) expect(page).toContain(trace_id);
    const checks = await this.server.inside(async ({ traces }) => {
      const trace = await traces.find(trace_id);
      return traces.recordedOf(trace)?.checks ?? [];
    });
    const failed = checks.filter(({ passed }) => !passed).map(({ check }) => check);
    return { reason, trace: trace_id, failed, checks };
  }

  private refusals(): Promise<AuditEvent[]> {
    return this.server.inside(({ db }) => db.repo(AuditEvent).find({ where: { name: 'federation.refused' } }));
  }

  private endpoints(): Record<string, unknown> {
    const { authorization_endpoint, token_endpoint, userinfo_endpoint, jwks_uri, issuer } = this.provider.discovery();
    const iss = { authorization_response_iss_parameter_supported: true };
    return { issuer, authorization_endpoint, token_endpoint, userinfo_endpoint, jwks_uri, ...iss };
  }
}
