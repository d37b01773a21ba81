/** Tells how long each call of the key service took, and whether it failed. */
import type { KeyService } from './kms-client';

export interface KeyServiceCall {
  readonly operation: keyof KeyService;
  readonly seconds: number;
  /** What it failed with, if it did. */
  readonly error?: unknown;
}

export function observed(service: KeyService, told: (call: KeyServiceCall) => void): KeyService {
  const observe = async <T>(operation: keyof KeyService, call: () => Promise<T>): Promise<T> => {
    const startedAt = performance.now();
    const seconds = (): number => (performance.now() - startedAt) / 1000;
    try {
      const answer = await call();
      told({ operation, seconds: seconds() });
      return answer;
    } catch (error) {
      told({ operation, seconds: seconds(), error });
      throw error;
    }
  };
  return {
    generateDataKey: (...args) => observe('generateDataKey', () => service.generateDataKey(...args)),
    decryptDataKey: (...args) => observe('decryptDataKey', () => service.decryptDataKey(...args)),
    moveDataKey: (...args) => observe('moveDataKey', () => service.moveDataKey(...args)),
    check: () => observe('check', () => service.check()),
  };
}
