// How the value of a variable is read, where that is more than a word or a number. Which variables there are: variables.ts.
import { z } from 'zod';
import { isLoopback } from './protocol.js';

export const boolean = z.enum(['true', 'false']).transform((value) => value === 'true');
export const port = z.coerce.number().int().min(0).max(65535);
export const list = z.string().transform((value) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean),
);

const staysHere = ({ protocol, hostname }: URL) => protocol !== 'http:' || isLoopback(hostname);

export const issuer = z
  .url({ protocol: /^https?$/, hostname: /^[^/]+$/ })
  // RFC 8414 §2, OpenID Connect Discovery §3: https. What leaves this machine in the clear can be read and changed on its way.
  .refine((value) => !URL.canParse(value) || staysHere(new URL(value)), {
    message: 'must be https, or http on localhost',
  })
  .refine((value) => !value.endsWith('/') && !/[?#]/.test(value) && new URL(value).pathname === '/', {
    message: 'must be an origin without path, query, fragment or a slash at the end',
  });

/** RFC 9110 §5.1; as Node has it. */
export const headerName = z
  .string()
  .toLowerCase()
  .regex(/^[a-z][a-z0-9-]{1,63}$/, { message: 'must be the name of a header' })
  .refine((value) => !/^(?:host|cookie|authorization|dpop|content-.*|x-forwarded-.*|forwarded)$/.test(value), {
    message: 'must be a header of its own',
  });

export const encryptionKeys = z.string().transform((value, context) => {
  const fail = () => {
    context.addIssue({ code: 'custom', message: 'must be JSON: version → 32 bytes in base64, newest first' });
    return z.NEVER;
  };
  try {
    const entries = Object.entries(
      z.record(z.string().regex(/^[a-z][a-z0-9]{0,15}$/), z.string()).parse(JSON.parse(value)),
    );
    const keys = new Map(entries.map(([version, key]) => [version, Buffer.from(key, 'base64')]));
    return keys.size > 0 && [...keys.values()].every((key) => key.length === 32) ? keys : fail();
  } catch {
    return fail();
  }
});

export const domain = z
  .string()
  .toLowerCase()
  .regex(/^(?=.{1,189}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/, {
    message: 'must be a domain without scheme, port or a dot at either end',
  })
  .refine((value) => !/(^|\.)\d+$/.test(value), { message: 'must be a domain, not an address' });

/** A bucket that speaks S3, and what all names in it begin with: `s3://bucket/prefix?endpoint=…&region=…`. */
export const bucket = z
  .string()
  .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](\/[\w.-]+)*\/?(\?.*)?$/, { message: 'must be s3://bucket/prefix' })
  .transform((value, issues) => {
    const { hostname, pathname, searchParams } = new URL(value);
    const { endpoint, region = 'us-east-1', ...others } = Object.fromEntries(searchParams);
    if (Object.keys(others).length > 0 || !/^[a-z0-9-]+$/.test(region))
      issues.addIssue({ code: 'custom', message: 'takes endpoint and region, and nothing else' });
    const origin = endpoint ?? `https://s3.${region}.amazonaws.com`;
    if (!URL.canParse(origin) || !/^https?:\/\/[^/?#@]+$/.test(origin)) {
      issues.addIssue({ code: 'custom', message: 'must have an origin as its endpoint' });
      return z.NEVER;
    }
    const prefix = pathname.replace(/^\/|\/$/g, '');
    return { origin, region, bucket: hostname, prefix: prefix && `${prefix}/` };
  });
