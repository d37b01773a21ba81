/**
 * What set-up tells the reader: one line when a step starts, one when it ends, and a sign of life in between.
 * A step with nothing to do says nothing, so a warm start stays quiet.
 */
const SIGN_OF_LIFE_MS = 15_000;

export function say(line) {
  process.stdout.write(`${line}\n`);
}

/**
 * @param step.label the noun in front of each line
 * @param step.why what happens and how long it may take
 * @param work answers with the verb of the closing line, such as `installed`
 */
export async function showProgress({ label, why, log = say }, work) {
  const startedAt = Date.now();
  log(`  … ${label.padEnd(20)} ${why}`);
  const signOfLife = setInterval(
    () => log(`    ${label.padEnd(20)} still at it after ${Math.round((Date.now() - startedAt) / 1000)} s`),
    SIGN_OF_LIFE_MS,
  );
  try {
    const done = await work();
    log(`  ✓ ${label.padEnd(20)} ${done} in ${elapsed(startedAt)}`);
  } catch (error) {
    log(`  ✗ ${label.padEnd(20)} failed after ${elapsed(startedAt)}`);
    throw error;
  } finally {
    clearInterval(signOfLife);
  }
}

export function elapsed(startedAt) {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}
