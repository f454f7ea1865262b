// @node-saml/node-saml as the gate asks it: what it reads of a message, and whether it finds the signature good.
import { deflateRawSync } from 'node:zlib';
import { type Profile, SAML, ValidateInResponseTo } from '@node-saml/node-saml';

/** Which requests were sent is known to whoever asks the gate. */
export const neverAsked = ValidateInResponseTo.never;

export class SecondReader extends SAML {
  /** Of an assertion whose signature it has no algorithm for, or cannot find: it reads what the gate has verified. */
  async readAssertion(xml: string): Promise<Profile> {
    return (await this.processValidlySignedAssertionAsync(xml, xml, null)).profile;
  }

  async readResponse(xml: string): Promise<Profile | undefined> {
    const { profile } = await this.validatePostResponseAsync({ SAMLResponse: Buffer.from(xml).toString('base64') });
    return profile ?? undefined;
  }

  /** It would refuse conditions without an end, which SAML Core §2.5.1 allows. */
  protected override calcMaxAgeAssertionTime(): number {
    return 0;
  }

  async readRequest(xml: string): Promise<Profile> {
    return (await this.validatePostRequestAsync({ SAMLRequest: Buffer.from(xml).toString('base64') })).profile;
  }

  /** Of an address it verifies no signature that is not there: it reads what the gate has verified. */
  async readSigned(xml: string): Promise<Profile | undefined> {
    const message = deflateRawSync(Buffer.from(xml)).toString('base64');
    return (await this.validateRedirectAsync({ SAMLRequest: message }, '')).profile ?? undefined;
  }
}
