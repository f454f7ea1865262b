// The device authorization grant (RFC 8628): codes, and the pages on which people use them.
import { lifetimes } from '../../../config/protocol.js';
import { currentContext } from '../../platform/context.js';
import type { Chapter } from './chapter.js';

export const device: Chapter = ({ devicePages }, { protocol }) => ({
  ttl: { DeviceCode: lifetimes.deviceCode },
  features: {
    deviceFlow: {
      enabled: protocol.device_flow !== 'off',
      // RFC 8628 §6.1: no vowels, so no words; 20^8 are 34 bits.
      charset: 'base-20',
      mask: '****-****',
      // RFC 8628 §5.4: who approves is told from where it was asked.
      deviceInfo: () => ({ ip: currentContext()?.ip ?? '' }),
      userCodeInputSource: devicePages.input,
      userCodeConfirmSource: devicePages.confirm,
      successSource: devicePages.done,
    },
  },
});
