// Whether a client may be the address of a document that describes it (OAuth Client ID Metadata Document), at which hosts, and what it may ask for.
import { z } from 'zod';
import { ScopeName } from './registration.js';

/** As a URL has it. */
const HostName = z
  .string()
  .max(253)
  .regex(/^(\*|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$/, 'must be a host name in lower case, without a port, or *');

export const members = {
  /** Nothing is fetched from any other host; `*`: from everywhere. */
  client_id_metadata_documents: z
    .strictObject({
      hosts: z.array(HostName).max(200).default([]),
      scopes: z.array(ScopeName).min(1).max(200).optional().meta({
        description:
          'The most that such a client may ask for, but at resources open to such clients; absent: scopes about people only',
      }),
    })
    .prefault({}),
};
