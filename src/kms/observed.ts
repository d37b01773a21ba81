/** Tells how long each call of the key service took, and whether it failed. */
import type { KeyService } from './kms-client';

export type CallTold = (operation: keyof KeyService, seconds: number, failed: boolean) => void;

export function observed(service: KeyService, told: CallTold): KeyService {
  const observe = async <T>(operation: keyof KeyService, call: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    let failed = true;
    try {
      const answer = await call();
      failed = false;
      return answer;
    } finally {
      told(operation, (performance.now() - startedAt) / 1000, failed);
    }
  };
  return {
    generateDataKey: (...args) => observe('generateDataKey', () => service.generateDataKey(...args)),
    decryptDataKey: (...args) => observe('decryptDataKey', () => service.decryptDataKey(...args)),
    moveDataKey: (...args) => observe('moveDataKey', () => service.moveDataKey(...args)),
    check: () => observe('check', () => service.check()),
  };
}
