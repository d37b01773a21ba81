/** A real logger of the lowest level whose lines are kept. */
import { createLogger, type Logger } from '../../src/telemetry/logger';

export function createTestLogger(): { log: Logger; text(): string } {
  const lines: string[] = [];
  const log = createLogger({ level: 'trace', destination: { write: (line: string) => void lines.push(line) } });
  return { log, text: () => lines.join('') };
}
