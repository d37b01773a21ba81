/** Hashes of file contents, by which set-up knows that a step has nothing to do. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * @param files paths relative to root; a folder stands for everything in it, a missing path counts as missing
 * @param accept decides by relative path which files of a folder matter
 */
export function fingerprint(root, files, accept = () => true) {
  const hash = createHash('sha256');
  for (const file of files.flatMap((path) => filesUnder(root, path, accept)).sort()) {
    const path = join(root, file);
    hash
      .update(`${file}\0`)
      .update(existsSync(path) ? readFileSync(path) : 'missing')
      .update('\0');
  }
  return hash.digest('hex');
}

/** The stored fingerprint, or undefined when there is none. */
export function readStamp(path) {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return undefined;
  }
}

function filesUnder(root, path, accept) {
  const full = join(root, path);
  if (!existsSync(full) || !statSync(full).isDirectory()) return [path];
  return readdirSync(full, { withFileTypes: true }).flatMap((entry) => {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory()) return filesUnder(root, child, accept);
    return accept(child) ? [child] : [];
  });
}
