// A bucket that speaks S3: a thing is put in pieces, so that it need not be held whole, and read back before it is believed to be there.
import { createHash } from 'node:crypto';
import { AwsV4Signer } from 'aws4fetch';
import type { Clock } from './clock.js';
import type { Egress } from './egress.js';

export interface BucketSettings {
  /** Of the service; the bucket is the beginning of the path, as every one of them understands it. */
  origin: string;
  region: string;
  bucket: string;
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined };
}

/** The least that S3 takes for each but the last (Amazon S3 API, UploadPart). */
export const pieceBytes = 5 * 1024 * 1024;

/** For an egress of its own: a piece goes in, or comes back. */
export const bucketLimits = { timeoutMs: 60_000, maxBytes: pieceBytes };

export class Bucket {
  constructor(
    private readonly egress: Pick<Egress, 'fetch'>,
    private readonly settings: BucketSettings,
    private readonly clock: Clock,
  ) {}

  /**
   * @param pieces of pieceBytes each, but the last.
   * @returns their SHA-256, and what is there has the same. @throws Error, where the bucket says no, or has something else.
   */
  async put(key: string, pieces: Iterable<Buffer>): Promise<string> {
    const hash = createHash('sha256');
    const etags: string[] = [];
    let size = 0;
    const upload = tagged(await this.text('POST', key, '?uploads='), 'UploadId');
    try {
      for (const piece of pieces) {
        hash.update(piece);
        size += piece.length;
        const query = `?partNumber=${etags.length + 1}&uploadId=${encodeURIComponent(upload)}`;
        const etag = (await this.ask('PUT', key, query, piece)).headers.get('etag');
        if (!etag) throw new Error('the bucket answers without ETag');
        etags.push(etag);
      }
      await this.complete(key, upload, etags);
    } catch (error) {
      // Pieces that nothing is made of cost money until somebody takes them away.
      await this.ask('DELETE', key, `?uploadId=${encodeURIComponent(upload)}`).catch(() => {});
      throw error;
    }
    const sha256 = hash.digest('hex');
    if ((await this.hashOf(key, size)) !== sha256) throw new Error(`${key} is not what was written there`);
    return sha256;
  }

  /** 200 comes before it is done, and may be followed by an error (Amazon S3 API, CompleteMultipartUpload). */
  private async complete(key: string, upload: string, etags: string[]): Promise<void> {
    const parts = etags.map(
      (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${escaped(etag)}</ETag></Part>`,
    );
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`);
    const answer = await this.text('POST', key, `?uploadId=${encodeURIComponent(upload)}`, body);
    if (!answer.includes('<CompleteMultipartUploadResult')) throw new Error(`${key} was not put together`);
  }

  private async hashOf(key: string, size: number): Promise<string> {
    const hash = createHash('sha256');
    for (let from = 0; from < size; from += pieceBytes) {
      const range = `bytes=${from}-${Math.min(from + pieceBytes, size) - 1}`;
      hash.update(Buffer.from(await (await this.ask('GET', key, '', undefined, { range })).arrayBuffer()));
    }
    return hash.digest('hex');
  }

  private async text(method: string, key: string, query: string, body?: Buffer): Promise<string> {
    return (await this.ask(method, key, query, body)).text();
  }

  private async ask(
    method: string,
    key: string,
    query: string,
    body?: Buffer,
    headers: Record<string, string> = {},
  ): Promise<Response> {
    const { origin, region, bucket, credentials } = this.settings;
    const { sessionToken, ...keys } = credentials;
    const signed = await new AwsV4Signer({
      method,
      url: `${origin}/${bucket}/${key}${query}`,
      // What is signed is what it hashes to: a service refuses a body that came as another one.
      headers: {
        ...headers,
        'x-amz-content-sha256': createHash('sha256')
          .update(body ?? '')
          .digest('hex'),
      },
      service: 's3',
      region,
      datetime: this.clock
        .now()
        .toISOString()
        .replace(/[:-]|\.\d{3}/g, ''),
      ...keys,
      ...(sessionToken ? { sessionToken } : {}),
    }).sign();
    const answer = await this.egress.fetch(signed.url, {
      method,
      headers: signed.headers,
      ...(body ? { body: body as Uint8Array<ArrayBuffer> } : {}),
    });
    if (answer.ok) return answer;
    throw new Error(`${new URL(origin).host} answers ${answer.status} ${codeOf(await answer.text())}`.trimEnd());
  }
}

const codeOf = (text: string) => /<Code>(\w{1,64})<\/Code>/.exec(text)?.[1] ?? '';

function tagged(text: string, name: string): string {
  const found = new RegExp(`<${name}>([^<]+)</${name}>`).exec(text)?.[1];
  if (!found) throw new Error(`the bucket answers without ${name}`);
  return found.replace(/&(amp|lt|gt|quot|#39|apos);/g, (_all, one: string) => ENTITIES[one] ?? '');
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", '#39': "'" };

const escaped = (text: string) => text.replace(/[&<>]/g, (one) => `&#${one.charCodeAt(0)};`);
