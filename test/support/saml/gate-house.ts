// A service provider and the identity provider that it trusts, with a stranger beside them: what the gate is asked about.
import { createPrivateKey } from 'node:crypto';
import { Check } from '../../../src/features/connections/check.js';
import { openResponse, type ResponseExpected } from '../../../src/saml/gate.js';
import type { LogoutExpected } from '../../../src/saml/gate-logout.js';
import type { Sent } from '../../../src/saml/gate-message.js';
import { Clocks } from '../../../src/saml/gate-time.js';
import { HonestIdp, type Respond } from './honest-idp.js';
import { samlKey } from './keys.js';
import type { Between } from './messages.js';
import { posted } from './sign.js';

export class GateHouse {
  readonly idp = new HonestIdp('https://idp.example/saml', samlKey());
  readonly stranger = samlKey();
  readonly sp = samlKey();
  readonly now = new Date();
  readonly to = {
    sp: 'https://sp.example/saml',
    acs: 'https://sp.example/saml/acs',
    request_id: '_request1',
    now: this.now,
  };
  /** Of messages by hand. */
  readonly between: Between = { ...this.to, idp: this.idp.entityId };

  private readonly trusted = {
    idp: { entity_id: this.idp.entityId, certificates: [this.idp.key.certificate] },
    clocks: new Clocks(this.now, 60),
    assertion_seconds: 600,
  };

  readonly expected: ResponseExpected = {
    ...this.trusted,
    sp: { entity_id: this.to.sp, acs: this.to.acs },
    request_id: this.to.request_id,
    wants: { signed: 'either', encrypted: false },
    decryption_keys: [createPrivateKey(this.sp.privateKey)],
  };

  readonly logout: LogoutExpected & { request_id: string } = {
    ...this.trusted,
    destination: this.to.acs,
    request_id: this.to.request_id,
  };

  readonly authnRequest = {
    sp: {
      ...this.trusted.idp,
      consumer_services: [
        {
          index: 0,
          location: 'https://idp.example/saml/acs',
          binding: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST',
        },
      ],
    },
    destination: this.to.acs,
    clocks: this.trusted.clocks,
    request_seconds: 600,
    signed: true,
  };

  /** @throws where a check is none that a trace takes */
  async open(xml: string, changed: Partial<ResponseExpected> = {}) {
    const answer = await openResponse(posted(xml), { ...this.expected, ...changed });
    Check.array().parse(answer.checks);
    return answer;
  }

  /** @returns `taken`, or the reason. */
  async outcome(xml: string, changed: Partial<ResponseExpected> = {}): Promise<string> {
    return said(await this.open(xml, changed));
  }

  respond(how: Respond = {}): string {
    return this.idp.respond(this.to, how);
  }
}

export const said = (opened: { ok: true } | { ok: false; reason: string }): string =>
  opened.ok ? 'taken' : opened.reason;

export const byPost = (xml: string): Sent => ({ binding: 'post', message: posted(xml) });
