// Whether a client may be the address of a document that describes it (OAuth Client ID Metadata Document), and at which hosts.
import { z } from 'zod';

/** As a URL has it. */
const HostName = z
  .string()
  .max(253)
  .regex(/^(\*|[a-z0-9]([a-z0-9.-]*[a-z0-9])?)$/, 'must be a host name in lower case, without a port, or *');

export const members = {
  /** Nothing is fetched from any other host; `*`: from everywhere. */
  client_id_metadata_documents: z.strictObject({ hosts: z.array(HostName).max(200).default([]) }).prefault({}),
};
