/**
 * The account that the embedded PostgreSQL runs under. It refuses root, which is what containers and CI often are;
 * root then lends it another account, by the first way that lets it reach both its programs and its data.
 * A data directory must be opened by the way that made it: PostgreSQL insists on owning it.
 */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { searchPath } from './process';

export interface PostgresAccount {
  /**
   * - `self`: the user that we are.
   * - `user`: a system user that can reach everything by itself.
   * - `user-with-file-rights`: the same user, with root's right to pass closed folders. Containers allow this.
   * - `namespace`: a user namespace in which root's own files belong to a system user.
   */
  way: 'self' | 'user' | 'user-with-file-rights' | 'namespace';
  /** Stands before each PostgreSQL command. */
  wrapper: string[];
  /** Given to `spawn`. */
  spawnAs: { uid: number; gid: number } | undefined;
  /** Who must own the data directory, where that is not ourselves. */
  owner: { uid: number; gid: number } | undefined;
}

interface SystemUser {
  uid: number;
  gid: number;
}

/** @throws Error of one sentence when root cannot lend an account in any way. */
export function choosePostgresAccount(binariesDir: string, dataDir: string): PostgresAccount {
  const self: PostgresAccount = { way: 'self', wrapper: [], spawnAs: undefined, owner: undefined };
  if (process.getuid?.() !== 0) return self;

  const ways = fs.existsSync(join(dataDir, 'PG_VERSION')) ? waysFor(fs.statSync(dataDir)) : waysForNew();
  const account = ways.find((way) => reaches(way, binariesDir, dirname(dataDir)));
  if (account === undefined) {
    throw new Error(
      `PostgreSQL refuses to run as root and no other account can use ${dataDir} here; ` +
        'start Everhook as an ordinary user, or move it and its data out of folders that only root may enter',
    );
  }
  return account;
}

function waysForNew(): PostgresAccount[] {
  const user = findSystemUser();
  return user === undefined ? [] : [asUser(user), inNamespace(user), asUserWithFileRights(user)];
}

function waysFor({ uid, gid }: SystemUser): PostgresAccount[] {
  if (uid !== 0) return [asUser({ uid, gid }), asUserWithFileRights({ uid, gid })];
  const user = findSystemUser();
  return user === undefined ? [] : [inNamespace(user)];
}

function asUser(user: SystemUser): PostgresAccount {
  return { way: 'user', wrapper: [], spawnAs: user, owner: user };
}

function asUserWithFileRights(user: SystemUser): PostgresAccount {
  const ids = [`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  const rights = ['--inh-caps=+dac_override', '--ambient-caps=+dac_override'];
  return { way: 'user-with-file-rights', wrapper: ['setpriv', ...ids, ...rights], spawnAs: undefined, owner: user };
}

/** initdb looks its user up, so the namespace borrows the number of one that the system knows. */
function inNamespace(user: SystemUser): PostgresAccount {
  const wrapper = ['unshare', '--user', `--map-user=${user.uid}`, `--map-group=${user.gid}`];
  return { way: 'namespace', wrapper, spawnAs: undefined, owner: undefined };
}

function findSystemUser(): SystemUser | undefined {
  const lines = fs.readFileSync('/etc/passwd', 'utf8').split('\n');
  for (const name of ['postgres', 'nobody']) {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    if (Number(uid) > 0 && Number(gid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

/** Tried for real, because modes alone do not tell: access lists, mounts and sandboxes have their say as well. */
function reaches(account: PostgresAccount, binariesDir: string, parentDir: string): boolean {
  // PostgreSQL asks for itself by the rights of its user alone, as `-x` does.
  const script = 'cd "$1" && [ -x "$2" ] && exec "$2" --version';
  const attempt = ['/bin/sh', '-c', script, 'sh', parentDir, join(binariesDir, 'postgres')];
  const [program = '', ...args] = [...account.wrapper, ...attempt];
  const env = { PATH: searchPath };
  return spawnSync(program, args, { cwd: '/', env, stdio: 'ignore', timeout: 30_000, ...account.spawnAs }).status === 0;
}
