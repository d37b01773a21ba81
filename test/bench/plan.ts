/** `npm run bench:plan`: prints the plan of docs/scaling.md from what was measured last. */
import { readMeasured } from './plan/measured';
import { planTable } from './plan/table';

process.stdout.write(`${planTable(readMeasured()).join('\n')}\n`);
