/**
 * The first attempt of the direct lane. It has one record, whoever makes it, so that the workflow that takes
 * the delivery over meets what was sent and does not send it again.
 */

/** Stands where the record of an attempt has the id of its workflow run. */
export const directRunId = 'direct';

/**
 * What makes an attempt the direct lane's. Its jitter comes from the delivery's id, so that the workflow waits
 * for the very time that the attempt has recorded.
 */
export function directAttempt(deliveryId: string): { direct: true; jitter: number } {
  return { direct: true, jitter: spreadOf(deliveryId) };
}

/** From [0, 1). ULIDs of one millisecond differ in their last bits only, which must not make their jitters alike. */
function spreadOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at++) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32;
}
