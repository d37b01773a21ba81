/** The workflows as `npm run build` bundles them, bundled once for whoever needs them. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(__dirname, '..', '..');

/** Puts the bundles into this folder. */
export async function bundleWorkflows(folder: string): Promise<void> {
  await promisify(execFile)(process.execPath, [join(root, 'scripts', 'bundle-workflows.mjs'), root, folder]);
}
