// Clients that are the address of a document (OAuth Client ID Metadata Document §5). They are rows here (features/clients/documents), found before the
// engine would fetch anything itself: it only has to say that there are such clients.
import type { Chapter } from './chapter.js';

export const metadataDocuments: Chapter = (_deps, { protocol }) =>
  protocol.client_id_metadata_documents.hosts.length > 0
    ? { discovery: { client_id_metadata_document_supported: true } }
    : {};
