// JWE (RFC 7516): answers encrypted to a key of the client, request objects to one of ours, where the tenant has such keys
// (settings.signing_keys.encryption_algorithms). The lists are said whole: the engine's own have keys that are made of client secrets.
import { keyAlgorithms } from '../../../config/protocol.js';
import { CLIENT_ENCRYPTION_ALGS, ENCRYPTION_ENCS } from '../../features/clients/metadata/encryption.js';
import type { Chapter } from './chapter.js';

export const encryption: Chapter = () => ({
  enabledJWA: {
    idTokenEncryptionAlgValues: [...CLIENT_ENCRYPTION_ALGS],
    idTokenEncryptionEncValues: [...ENCRYPTION_ENCS],
    userinfoEncryptionAlgValues: [...CLIENT_ENCRYPTION_ALGS],
    userinfoEncryptionEncValues: [...ENCRYPTION_ENCS],
    introspectionEncryptionAlgValues: [...CLIENT_ENCRYPTION_ALGS],
    introspectionEncryptionEncValues: [...ENCRYPTION_ENCS],
    authorizationEncryptionAlgValues: [...CLIENT_ENCRYPTION_ALGS],
    authorizationEncryptionEncValues: [...ENCRYPTION_ENCS],
    // Of these the engine offers what the tenant has keys of.
    requestObjectEncryptionAlgValues: [...keyAlgorithms.encryption],
    requestObjectEncryptionEncValues: [...ENCRYPTION_ENCS],
  },
  features: { encryption: { enabled: true } },
});
