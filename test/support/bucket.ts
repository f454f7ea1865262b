// A service that speaks as much of S3 as an archive needs, and believes no signature that it has not made itself (AWS Signature Version 4).
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export const bucketKeys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const region = 'eu-central-1';

const sha256 = (bytes: string | Buffer) => createHash('sha256').update(bytes).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

export interface BucketServer {
  settings: { origin: string; region: string; bucket: string; credentials: typeof bucketKeys };
  /** What is there, in the order in which it was put together. */
  objects: Map<string, Buffer>;
  /** Uploads that were begun and are neither whole nor given up. */
  uploads: Map<string, Map<number, Buffer>>;
  requests: { method: string; path: string; bytes: number }[];
  /** What it does to the bytes that come, or to its answer, instead of what it should. */
  trouble: { damages?: boolean; completesWithError?: boolean; status?: number };
  close(): Promise<void>;
}

export async function startBucket(): Promise<BucketServer> {
  const objects: BucketServer['objects'] = new Map();
  const uploads: BucketServer['uploads'] = new Map();
  const requests: BucketServer['requests'] = [];
  const trouble: BucketServer['trouble'] = {};
  let begun = 0;

  const answer = (request: IncomingMessage, body: Buffer): [number, string | Buffer, Record<string, string>?] => {
    const { pathname, searchParams: query } = new URL(String(request.url), 'http://bucket');
    requests.push({ method: String(request.method), path: pathname, bytes: body.length });
    if (!isSigned(request, body)) return [403, '<Error><Code>SignatureDoesNotMatch</Code></Error>'];
    if (trouble.status) return [trouble.status, '<Error><Code>SlowDown</Code></Error>'];
    const id = query.get('uploadId') ?? '';
    const pieces = uploads.get(id);
    if (request.method === 'POST' && query.has('uploads')) {
      begun += 1;
      uploads.set(`upload/${begun}+&`, new Map());
      return [
        200,
        `<InitiateMultipartUploadResult><UploadId>upload/${begun}+&amp;</UploadId></InitiateMultipartUploadResult>`,
      ];
    }
    if (request.method === 'PUT' && pieces) {
      pieces.set(Number(query.get('partNumber')), trouble.damages ? Buffer.from(body).fill(0, 0, 1) : body);
      return [200, '', { etag: `"${sha256(body)}"` }];
    }
    if (request.method === 'POST' && pieces) {
      if (trouble.completesWithError) return [200, '<Error><Code>InternalError</Code></Error>'];
      const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>([^<]+)<\/ETag>/g)];
      const parts = named.map(([, number]) => pieces.get(Number(number)) ?? Buffer.alloc(0));
      const isSmall = parts.slice(0, -1).some(({ length }) => length < 5 * 1024 * 1024);
      if (isSmall) return [400, '<Error><Code>EntityTooSmall</Code></Error>'];
      objects.set(pathname, Buffer.concat(parts));
      uploads.delete(id);
      return [200, '<CompleteMultipartUploadResult></CompleteMultipartUploadResult>'];
    }
    if (request.method === 'DELETE' && pieces) {
      uploads.delete(id);
      return [204, ''];
    }
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(String(request.headers.range)) ?? [];
    const object = objects.get(pathname);
    if (request.method !== 'GET' || !object) return [404, '<Error><Code>NoSuchKey</Code></Error>'];
    return [206, object.subarray(Number(from), Number(to) + 1)];
  };

  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const [status, body, headers = {}] = answer(request, Buffer.concat(chunks));
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    settings: { origin, region, bucket: 'ostiary-audit', credentials: bucketKeys },
    objects,
    uploads,
    requests,
    trouble,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** As the service makes it of what has arrived (Amazon S3 API, Authenticating Requests: Using the Authorization Header). */
function isSigned(request: IncomingMessage, body: Buffer): boolean {
  const [, scope = '', names = '', given = ''] =
    /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      String(request.headers.authorization),
    ) ?? [];
  const time = String(request.headers['x-amz-date']);
  const hashed = String(request.headers['x-amz-content-sha256']);
  if (scope !== `${time.slice(0, 8)}/${region}/s3/aws4_request` || hashed !== sha256(body)) return false;
  if (!['host', 'x-amz-content-sha256', 'x-amz-date'].every((name) => names.split(';').includes(name))) return false;
  const [path = '', query = ''] = String(request.url).split('?');
  const coded = (text: string) =>
    encodeURIComponent(decodeURIComponent(text)).replace(
      /[!'()*]/g,
      (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  const canonical = [
    request.method,
    path.split('/').map(coded).join('/'),
    query
      .split('&')
      .filter(Boolean)
      .map((pair) => pair.split('=').map(coded).join('='))
      .sort()
      .join('&'),
    ...names.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}`),
    '',
    names,
    hashed,
  ].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((made, word) => hmac(made, word), `AWS4${bucketKeys.secretAccessKey}`);
  const made = hmac(key, ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n'));
  return timingSafeEqual(made, Buffer.from(given, 'hex'));
}
