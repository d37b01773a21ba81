/**
 * Downloads from Temporal's own site, giving up within seconds where there is no way to it.
 * There may be another way to the same program, so a failure here must not cost time.
 */
import { createWriteStream } from 'node:fs';
import { get as httpGet } from 'node:http';
import { get as httpsGet } from 'node:https';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { runLogged } from './child-process.mjs';

export const temporalSite = 'https://temporal.download';

const ANSWER_LIMIT_MS = 5_000;
const SILENCE_LIMIT_MS = 20_000;
const REDIRECT_LIMIT = 5;

/** Temporal's names for this machine, or undefined when there are no builds for it. */
export function temporalPlatform() {
  const platform = { linux: 'linux', darwin: 'darwin', win32: 'windows' }[process.platform];
  const arch = { x64: 'amd64', arm64: 'arm64' }[process.arch];
  return platform && arch && { platform, arch };
}

/** Downloads a .tar.gz archive and unpacks it into the folder. */
export async function downloadArchive(url, folder, logFile) {
  const archive = join(folder, 'archive.tar.gz');
  await pipeline(await open(url), createWriteStream(archive));
  await runLogged('tar', ['-xzf', archive, '-C', folder], { logFile, failure: `${url} is no archive` });
}

export async function downloadJson(url) {
  let text = '';
  for await (const chunk of (await open(url)).setEncoding('utf8')) text += chunk;
  return JSON.parse(text);
}

async function open(url, redirects = REDIRECT_LIMIT) {
  const response = await request(url);
  const { statusCode, headers } = response;
  if (statusCode >= 300 && statusCode < 400 && headers.location && redirects > 0) {
    response.resume();
    return open(new URL(headers.location, url).href, redirects - 1);
  }
  if (statusCode === 200) return response;
  response.resume();
  throw new Error(`${new URL(url).host} answered ${statusCode}`);
}

function request(url) {
  return new Promise((resolve, reject) => {
    const { host, protocol } = new URL(url);
    const sent = (protocol === 'http:' ? httpGet : httpsGet)(url, (response) => {
      clearTimeout(limit);
      sent.setTimeout(SILENCE_LIMIT_MS, () => sent.destroy(new Error(`${host} went silent`)));
      resolve(response);
    });
    const limit = setTimeout(() => sent.destroy(new Error(`${host} did not answer`)), ANSWER_LIMIT_MS);
    sent.once('error', (error) => {
      clearTimeout(limit);
      reject(error);
    });
  });
}
