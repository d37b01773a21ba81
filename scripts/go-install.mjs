/** Builds programs with Go, in the versions that are named: `module@version`. */
import { runLogged } from './child-process.mjs';

const LIMIT_MS = 900_000;

/** @throws SetupError when Go is not there or one of them cannot be built */
export async function goInstall(programs, folder, { env, logFile }) {
  for (const program of programs) {
    await runLogged('go', ['install', program], {
      cwd: folder,
      env: { ...env, GOBIN: folder },
      logFile: logFile('go-install'),
      limitMs: LIMIT_MS,
      failure: `${program} could not be built with Go`,
    });
  }
}
